import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "moleculer";
import { ParleyError } from "../../lib/errors.ts";
import { type Database, statement } from "../../mixins/database.ts";
import type { Storage } from "../../mixins/storage.ts";
import { AttemptFailed, type Darkroom } from "./darkroom.ts";
import type { Developed } from "./develop.ts";
import type { FairQueue } from "./fair-queue.ts";
import { maxUploadBytes, type RejectionReason, type StoredImage } from "./media.contract.ts";
import { confirmSeconds, leaseSeconds, lookSeconds, maxAttempts, retentionDays } from "./states.ts";
import { type ReadyRow, readyColumns, toStoredImage } from "./stored-image.ts";

/** What confirming takes. */
export interface Studio {
	db: Database;
	storage: Storage;
	darkroom: Darkroom;
	turns: FairQueue;
	scanCommand: string | undefined;
	logger: Logger;
}

/** How long to wait for another node that confirms the same image. */
const waitMs = 8_000;
const pollMs = 100;

/**
 * Makes an image READY (states.ts, 2), or answers with the one that is. NOT_FOUND when it is not in this conversation, or not
 * any more; IMAGE_REJECTED; UNAVAILABLE when too many wait.
 */
export async function confirm(studio: Studio, conversationId: string, imageId: string): Promise<StoredImage> {
	const { db, turns } = studio;
	for (const waitUntil = Date.now() + waitMs; ; await delay(pollMs)) {
		const [found] = await db.query<FoundRow>(findStatement, [imageId, conversationId]);
		if (found?.status === "READY") return toStoredImage(found);
		if (found?.status !== "PENDING") throw new ParleyError("NOT_FOUND");
		if (Date.now() > waitUntil) throw new ParleyError("UNAVAILABLE");
		const image = await turns.take(found.uploader_id, () => confirmHere(studio, imageId));
		if (image) return image;
	}
}

/** Undefined while another node has the lease, and when it has decided. */
async function confirmHere(studio: Studio, imageId: string): Promise<StoredImage | undefined> {
	const token = randomUUID();
	// Its time begins before that of the lease.
	const deadline = AbortSignal.timeout(confirmSeconds * 1000);
	const [upload] = await studio.db.query<UploadRow>(leaseStatement, [imageId, token]);
	if (!upload) return undefined;
	if (upload.attempts > maxAttempts) return reject(studio, upload, token, "TOO_COSTLY");
	return makeReady(studio, upload, token, deadline);
}

async function makeReady(
	studio: Studio,
	upload: UploadRow,
	token: string,
	deadline: AbortSignal,
): Promise<StoredImage | undefined> {
	const { db, logger } = studio;
	try {
		const developed = await verify(studio, upload, deadline);
		if ("rejected" in developed) return await reject(studio, upload, token, developed.rejected);
		const { mimeType, fileSizeBytes, width, height, placeholder } = developed;
		const values = [upload.id, mimeType, fileSizeBytes, width, height, placeholder, retentionDays, token];
		const [ready] = await db.query<ReadyRow>(readyStatement, values);
		if (!ready) return await withdraw(studio, upload, token);
		await tidy(studio, upload, deadline);
		return toStoredImage(ready);
	} catch (error) {
		const counts = error instanceof AttemptFailed;
		if (counts) logger.warn(`Image ${upload.id} failed at attempt ${upload.attempts}:`, error.cause);
		if (counts && upload.attempts >= maxAttempts) return reject(studio, upload, token, "TOO_COSTLY");
		await db.query(endLeaseStatement, [upload.id, token, counts ? 0 : 1]);
		throw error;
	}
}

/**
 * The lease has ended, and somebody else goes on with the row, or has decided. Of an image that is to go, or is gone, nothing that
 * we wrote may stay. One that is READY, or becomes it, has its objects under the same keys.
 */
async function withdraw({ db, storage }: Studio, upload: UploadRow, token: string): Promise<undefined> {
	const [row] = await db.query<Pick<FoundRow, "status">>(statusStatement, [upload.id]);
	if (row?.status !== "PENDING" && row?.status !== "READY") await storage.delete(keysOf(upload));
	await db.query(endLeaseStatement, [upload.id, token, 0]);
}

/** Looks at the size first: what is too large is not fetched. */
async function verify(
	studio: Studio,
	upload: UploadRow,
	deadline: AbortSignal,
): Promise<Developed | { rejected: RejectionReason }> {
	const { storage, darkroom, scanCommand } = studio;
	const sizeBytes = await storage.size(upload.upload_key, AbortSignal.any([deadline, AbortSignal.timeout(lookSeconds * 1000)]));
	if (sizeBytes === undefined) return { rejected: "NOT_UPLOADED" };
	if (sizeBytes > maxUploadBytes) return { rejected: "TOO_LARGE" };
	if (sizeBytes !== upload.file_size_bytes) return { rejected: "SIZE_MISMATCH" };
	const [uploadUrl, original, preview, thumbnail] = await Promise.all([
		storage.presign("GET", upload.upload_key, confirmSeconds),
		storage.presign("PUT", upload.storage_key, confirmSeconds),
		storage.presign("PUT", upload.preview_key, confirmSeconds),
		storage.presign("PUT", upload.thumbnail_key, confirmSeconds),
	]);
	const targets = { original, preview, thumbnail };
	return darkroom.develop({ uploadUrl, sizeBytes, scanCommand, targets, filename: upload.id }, deadline);
}

/** Nothing of it is left, whether or not the storage answers: then the row stays, as a promise to delete. */
async function reject(studio: Studio, upload: UploadRow, token: string, reason: RejectionReason): Promise<undefined> {
	const { db, storage, logger } = studio;
	const [rejected] = await db.query(rejectStatement, [upload.id, token]);
	if (!rejected) return withdraw(studio, upload, token);
	try {
		// Renditions too: an earlier confirmation may have failed half-way.
		await storage.delete(keysOf(upload));
		await db.query(forgetStatement, [upload.id]);
	} catch (error) {
		logger.warn(`The upload of image ${upload.id} will be deleted later:`, error);
	}
	throw new ParleyError("IMAGE_REJECTED", { details: { reason } });
}

/** The upload is not needed any more. The clean-up would find it too. */
async function tidy({ storage, logger }: Studio, upload: UploadRow, deadline: AbortSignal): Promise<void> {
	try {
		await storage.delete([upload.upload_key], deadline);
	} catch (error) {
		logger.warn(`The upload of image ${upload.id} will be deleted later:`, error);
	}
}

/** A row that is waiting for its upload to be verified. */
export interface UploadRow {
	id: string;
	file_size_bytes: number;
	/** With this one. */
	attempts: number;
	upload_key: string;
	storage_key: string;
	preview_key: string;
	thumbnail_key: string;
}

const keysOf = ({ upload_key, storage_key, preview_key, thumbnail_key }: UploadRow) => [
	upload_key,
	storage_key,
	preview_key,
	thumbnail_key,
];

type FoundRow = ReadyRow & { status: "PENDING" | "READY" | "DELETING" | "GONE"; uploader_id: string };

const findStatement = statement(
	"media.confirm.find",
	`select status, uploader_id, ${readyColumns} from images where id = $1 and conversation_id = $2`,
);

const statusStatement = statement("media.confirm.status", "select status from images where id = $1");

const leaseStatement = statement(
	"media.confirm.lease",
	`update images set confirming_by = $2, confirming_until = now() + interval '${leaseSeconds} seconds', attempts = attempts + 1, updated_at = now()
	where id = $1 and status = 'PENDING' and (confirming_until is null or confirming_until < now())
	returning id, attempts, file_size_bytes, upload_key, storage_key, preview_key, thumbnail_key`,
);

const endLeaseStatement = statement(
	"media.confirm.endLease",
	`update images set confirming_by = null, confirming_until = null, attempts = attempts - $3
	where id = $1 and confirming_by = $2`,
);

const readyStatement = statement(
	"media.confirm.ready",
	`update images set status = 'READY', mime_type = $2, file_size_bytes = $3, width = $4, height = $5, placeholder = $6,
		delete_after = now() + make_interval(days => $7), updated_at = now(),
		confirming_by = null, confirming_until = null
	where id = $1 and status = 'PENDING' and confirming_by = $8 returning ${readyColumns}`,
);

const rejectStatement = statement(
	"media.confirm.reject",
	"update images set status = 'DELETING', updated_at = now() where id = $1 and confirming_by = $2 and status = 'PENDING' returning id",
);

const forgetStatement = statement("media.confirm.forget", "delete from images where id = $1 and status = 'DELETING'");
