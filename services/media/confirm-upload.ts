import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "moleculer";
import { ParleyError } from "../../lib/errors.ts";
import { type Database, statement } from "../../mixins/database.ts";
import type { Storage } from "../../mixins/storage.ts";
import type { FairQueue } from "./fair-queue.ts";
import { confirmSeconds, maxAttempts, sizeTimeoutSeconds } from "./image-lifecycle.ts";
import { AttemptFailed, type ImageWorkers } from "./image-workers.ts";
import { maxUploadBytes, type RejectionReason, type StoredImage } from "./media.contract.ts";
import { allKeysOf } from "./object-keys.ts";
import type { ProcessedImage } from "./process-upload.ts";
import { type ReadyRow, readyColumns, toStoredImage } from "./stored-image.ts";
import { deleteRejected, endLease, type LeasedUpload, makeReady, markRejected, takeLease } from "./upload-lease.ts";

/** What confirming needs. */
export interface ConfirmContext {
	db: Database;
	storage: Storage;
	imageWorkers: ImageWorkers;
	confirmQueue: FairQueue;
	scanCommand: string | undefined;
	logger: Logger;
}

/** How long to wait for another node that confirms the same image. */
const waitMs = 8_000;
const pollMs = 100;

/** Like `confirmUpload`. Requests for an image that this process already confirms get the result of that confirmation. */
export function confirmOnce(
	context: ConfirmContext & { confirming: Map<string, Promise<StoredImage>> },
	conversationId: string,
	imageId: string,
): Promise<StoredImage> {
	const { confirming } = context;
	const key = `${conversationId} ${imageId}`;
	const running = confirming.get(key) ?? confirmUpload(context, conversationId, imageId).finally(() => confirming.delete(key));
	confirming.set(key, running);
	return running;
}

/**
 * Makes an image READY (image-lifecycle.ts, 2), or answers with the image if it is READY already. NOT_FOUND when the conversation
 * has no such image, or no longer; IMAGE_REJECTED; UNAVAILABLE when too many confirmations wait.
 */
export async function confirmUpload(context: ConfirmContext, conversationId: string, imageId: string): Promise<StoredImage> {
	const { db, confirmQueue } = context;
	for (const waitUntil = Date.now() + waitMs; ; await delay(pollMs)) {
		const [found] = await db.query<FoundRow>(findStatement, [imageId, conversationId]);
		if (found?.status === "READY") return toStoredImage(found);
		if (found?.status !== "PENDING") throw new ParleyError("NOT_FOUND");
		if (Date.now() > waitUntil) throw new ParleyError("UNAVAILABLE");
		const image = await confirmQueue.run(found.uploader_id, () => confirmUnderLease(context, imageId));
		if (image) return image;
	}
}

/** Undefined while another confirmation has the lease, and when it has set another status. */
async function confirmUnderLease(context: ConfirmContext, imageId: string): Promise<StoredImage | undefined> {
	const token = randomUUID();
	// This time begins before the lease, so it ends before the lease.
	const deadline = AbortSignal.timeout(confirmSeconds * 1000);
	const upload = await takeLease(context.db, imageId, token);
	if (!upload) return undefined;
	if (upload.attempts > maxAttempts) return reject(context, upload, token, "TOO_COSTLY");
	return attempt(context, upload, token, deadline);
}

async function attempt(
	context: ConfirmContext,
	upload: LeasedUpload,
	token: string,
	deadline: AbortSignal,
): Promise<StoredImage | undefined> {
	const { db, logger } = context;
	try {
		const processed = await verifyAndProcess(context, upload, deadline);
		if ("rejected" in processed) return await reject(context, upload, token, processed.rejected);
		const ready = await makeReady(db, upload.id, token, processed);
		if (!ready) return await giveUp(context, upload, token);
		await deleteUpload(context, upload, deadline);
		return toStoredImage(ready);
	} catch (error) {
		const countAttempt = error instanceof AttemptFailed;
		if (countAttempt) logger.warn(`Image ${upload.id} failed at attempt ${upload.attempts}:`, error.cause);
		if (countAttempt && upload.attempts >= maxAttempts) return reject(context, upload, token, "TOO_COSTLY");
		await endLease(db, upload.id, token, { countAttempt });
		throw error;
	}
}

/**
 * The lease was lost, so another confirmation continues with the row or has set its status. If the image is deleted or being
 * deleted, the objects that we wrote are deleted too. A PENDING or READY image has its objects under the same keys: they stay.
 */
async function giveUp({ db, storage }: ConfirmContext, upload: LeasedUpload, token: string): Promise<undefined> {
	const [row] = await db.query<Pick<FoundRow, "status">>(statusStatement, [upload.id]);
	if (row?.status !== "PENDING" && row?.status !== "READY") await storage.delete(allKeysOf(upload));
	await endLease(db, upload.id, token, { countAttempt: true });
}

/** Checks the size first, so that an upload that is too large is never downloaded. */
async function verifyAndProcess(
	context: ConfirmContext,
	upload: LeasedUpload,
	deadline: AbortSignal,
): Promise<ProcessedImage | { rejected: RejectionReason }> {
	const { storage, imageWorkers, scanCommand } = context;
	const sizeTimeout = AbortSignal.timeout(sizeTimeoutSeconds * 1000);
	const sizeBytes = await storage.size(upload.upload_key, AbortSignal.any([deadline, sizeTimeout]));
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
	return imageWorkers.process({ uploadUrl, sizeBytes, scanCommand, targets, filename: upload.id }, deadline);
}

/** Deletes the objects and then the row. If the storage fails, the row stays DELETING and the clean-up continues. */
async function reject(context: ConfirmContext, upload: LeasedUpload, token: string, reason: RejectionReason): Promise<undefined> {
	const { db, storage, logger } = context;
	if (!(await markRejected(db, upload.id, token))) return giveUp(context, upload, token);
	try {
		// Renditions too: an earlier confirmation may have written some of them before it failed.
		await storage.delete(allKeysOf(upload));
		await deleteRejected(db, upload.id);
	} catch (error) {
		logger.warn(`The upload of image ${upload.id} will be deleted later:`, error);
	}
	throw new ParleyError("IMAGE_REJECTED", { details: { reason } });
}

/** The upload is not needed any more. If this fails, the clean-up deletes it. */
async function deleteUpload({ storage, logger }: ConfirmContext, upload: LeasedUpload, deadline: AbortSignal): Promise<void> {
	try {
		await storage.delete([upload.upload_key], deadline);
	} catch (error) {
		logger.warn(`The upload of image ${upload.id} will be deleted later:`, error);
	}
}

type FoundRow = ReadyRow & { status: "PENDING" | "READY" | "DELETING" | "GONE"; uploader_id: string };

const findStatement = statement(
	"media.confirm.find",
	`select status, uploader_id, ${readyColumns} from images where id = $1 and conversation_id = $2`,
);

const statusStatement = statement("media.confirm.status", "select status from images where id = $1");
