import { type Database, statement } from "../../mixins/database.ts";
import type { ListedObject, Storage } from "../../mixins/storage.ts";
import type { Result } from "../contracts.ts";
import { unsentHours } from "./image-lifecycle.ts";
import { imageIdOf, imagesUnder, isUploadKey, uploadsUnder } from "./object-keys.ts";
import { rowsById } from "./rows-by-id.ts";

/** How many of each kind are reported. */
const maxReported = 1_000;

const batchSize = 1_000;

/**
 * Finds objects that belong to no image, and images of which an object is missing. Reads storage and database in parallel, both in the
 * order of image ids, which are part of the keys. Costs a listing of all objects under the prefix, and three requests for each image
 * whose keys have another prefix.
 */
export async function reconcile(
	{ db, storage, keyPrefix }: { db: Database; storage: Storage; keyPrefix: string },
	minAgeMinutes: number,
): Promise<Result<"media.reconcile">> {
	const settledBefore = new Date(Date.now() - minAgeMinutes * 60_000);
	const objectsWithoutRow: string[] = [];
	const rowsWithoutObject: string[] = [];
	const hasPrefix = ({ keys }: ImageKeys) => keys.every((key) => key.startsWith(imagesUnder(keyPrefix)));
	const rows = allImages(db, async (row) => {
		if (hasPrefix(row)) return true;
		if (shouldBeComplete(row, settledBefore) && (await lacksObject(storage, row))) rowsWithoutObject.push(row.id);
		return false;
	});
	let row = await next(rows);
	const idOf = (key: string) => imageIdOf(keyPrefix, key);
	for await (const { id, objects } of byImage(storage.list(imagesUnder(keyPrefix)), idOf)) {
		for (; row && row.id < id; row = await next(rows)) {
			if (shouldBeComplete(row, settledBefore)) rowsWithoutObject.push(row.id);
		}
		const keys = row?.id === id ? row.keys : [];
		const present = new Set(objects.map(({ key }) => key));
		const unknown = objects.filter(({ key, modifiedAt }) => !keys.includes(key) && modifiedAt < settledBefore);
		objectsWithoutRow.push(...unknown.map(({ key }) => key));
		if (row?.id !== id) continue;
		if (shouldBeComplete(row, settledBefore) && !keys.every((key) => present.has(key))) rowsWithoutObject.push(id);
		row = await next(rows);
	}
	for (; row; row = await next(rows)) {
		if (shouldBeComplete(row, settledBefore)) rowsWithoutObject.push(row.id);
	}
	const uploadsBefore = new Date(Math.min(settledBefore.getTime(), Date.now() - unsentHours * 3_600_000));
	for await (const { key, modifiedAt } of storage.list(uploadsUnder(keyPrefix))) {
		if (modifiedAt < uploadsBefore && isUploadKey(keyPrefix, key)) objectsWithoutRow.push(key);
	}
	return {
		objectsWithoutRow: objectsWithoutRow.slice(0, maxReported),
		rowsWithoutObject: rowsWithoutObject.slice(0, maxReported),
	};
}

interface ImageKeys {
	id: string;
	status: string;
	keys: string[];
	updated_at: string;
}

/** The images that may have objects, without those that `filter` leaves out. */
async function* allImages(db: Database, filter: (row: ImageKeys) => Promise<boolean>): AsyncGenerator<ImageKeys> {
	for await (const row of rowsById<ImageKeys>(db, imagesStatement, batchSize)) if (await filter(row)) yield row;
}

async function lacksObject(storage: Storage, { keys }: ImageKeys): Promise<boolean> {
	const sizes = await Promise.all(keys.map((key) => storage.size(key)));
	return sizes.includes(undefined);
}

/** Groups a listing by the image id in its keys. */
async function* byImage(
	listing: AsyncGenerator<ListedObject>,
	idOf: (key: string) => string,
): AsyncGenerator<{ id: string; objects: ListedObject[] }> {
	let group: { id: string; objects: ListedObject[] } | undefined;
	for await (const object of listing) {
		const id = idOf(object.key);
		if (group?.id !== id) {
			if (group) yield group;
			group = { id, objects: [] };
		}
		group.objects.push(object);
	}
	if (group) yield group;
}

/** Whether all objects of the image should exist. */
function shouldBeComplete({ status, updated_at }: ImageKeys, settledBefore: Date): boolean {
	return status === "READY" && new Date(updated_at) < settledBefore;
}

async function next<T>(all: AsyncGenerator<T>): Promise<T | undefined> {
	const { value, done } = await all.next();
	return done ? undefined : value;
}

const imagesStatement = statement(
	"media.reconcile.images",
	`select id, status, array[storage_key, preview_key, thumbnail_key] as keys, updated_at
	from images where status <> 'GONE' and id > $1 order by id limit $2`,
);
