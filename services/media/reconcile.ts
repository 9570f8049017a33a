import { type Database, statement } from "../../mixins/database.ts";
import type { ListedObject, Storage } from "../../mixins/storage.ts";
import type { Result } from "../contracts.ts";
import { imageIdOf, imagesUnder, isUploadKey, uploadsUnder } from "./keys.ts";
import { unsentHours } from "./states.ts";

/** How much is told of each kind. */
const maxTold = 1_000;

const batch = 1_000;

/**
 * Walks storage and database side by side, in the order of image ids (which are in the keys): objects of which no image knows,
 * images of which an object is missing. Costs a listing of what is under the prefix, and three requests for each image whose keys
 * were chosen under another one.
 */
export async function reconcile(
	{ db, storage, keyPrefix }: { db: Database; storage: Storage; keyPrefix: string },
	minAgeMinutes: number,
): Promise<Result<"media.reconcile">> {
	const settledBefore = new Date(Date.now() - minAgeMinutes * 60_000);
	const objectsWithoutRow: string[] = [];
	const rowsWithoutObject: string[] = [];
	const isHere = ({ keys }: ImageRow) => keys.every((key) => key.startsWith(imagesUnder(keyPrefix)));
	const rows = allImages(db, async (row) => {
		if (isHere(row)) return true;
		if (isWhole(row, settledBefore) && (await lacksObject(storage, row))) rowsWithoutObject.push(row.id);
		return false;
	});
	let row = await next(rows);
	const idOf = (key: string) => imageIdOf(keyPrefix, key);
	for await (const { id, objects } of byImage(storage.list(imagesUnder(keyPrefix)), idOf)) {
		for (; row && row.id < id; row = await next(rows)) {
			if (isWhole(row, settledBefore)) rowsWithoutObject.push(row.id);
		}
		const keys = row?.id === id ? row.keys : [];
		const present = new Set(objects.map(({ key }) => key));
		const strange = objects.filter(({ key, modifiedAt }) => !keys.includes(key) && modifiedAt < settledBefore);
		objectsWithoutRow.push(...strange.map(({ key }) => key));
		if (row?.id !== id) continue;
		if (isWhole(row, settledBefore) && !keys.every((key) => present.has(key))) rowsWithoutObject.push(id);
		row = await next(rows);
	}
	for (; row; row = await next(rows)) {
		if (isWhole(row, settledBefore)) rowsWithoutObject.push(row.id);
	}
	const uploadsBefore = new Date(Math.min(settledBefore.getTime(), Date.now() - unsentHours * 3_600_000));
	for await (const { key, modifiedAt } of storage.list(uploadsUnder(keyPrefix))) {
		if (modifiedAt < uploadsBefore && isUploadKey(keyPrefix, key)) objectsWithoutRow.push(key);
	}
	return { objectsWithoutRow: objectsWithoutRow.slice(0, maxTold), rowsWithoutObject: rowsWithoutObject.slice(0, maxTold) };
}

interface ImageRow {
	id: string;
	status: string;
	keys: string[];
	updated_at: string;
}

/** Those that may have objects, as far as they are `wanted`. */
async function* allImages(db: Database, wanted: (row: ImageRow) => Promise<boolean>): AsyncGenerator<ImageRow> {
	let after = "00000000-0000-0000-0000-000000000000";
	for (;;) {
		const rows = await db.query<ImageRow>(imagesStatement, [after, batch]);
		for (const row of rows) if (await wanted(row)) yield row;
		const last = rows.at(-1);
		if (!last || rows.length < batch) return;
		after = last.id;
	}
}

async function lacksObject(storage: Storage, { keys }: ImageRow): Promise<boolean> {
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

/** Whether all of its objects should be there. */
function isWhole({ status, updated_at }: ImageRow, settledBefore: Date): boolean {
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
