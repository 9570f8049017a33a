import { type Database, statement } from "../../mixins/database.ts";
import { leaseSeconds, retentionDays } from "./image-lifecycle.ts";
import { type KeyColumns, keyColumns } from "./object-keys.ts";
import type { ProcessedImage } from "./process-upload.ts";
import { type ReadyRow, readyColumns } from "./stored-image.ts";

/** A PENDING row under a lease (image-lifecycle.ts, 2). Every change below needs the token of that lease. */
export interface LeasedUpload extends KeyColumns {
	id: string;
	file_size_bytes: number;
	/** Including this one. */
	attempts: number;
}

/** Undefined when another confirmation has the lease, or when the image is not PENDING any more. */
export async function takeLease(db: Database, imageId: string, token: string): Promise<LeasedUpload | undefined> {
	const [upload] = await db.query<LeasedUpload>(leaseStatement, [imageId, token]);
	return upload;
}

/** Has no effect if the lease was lost. */
export async function endLease(
	db: Database,
	imageId: string,
	token: string,
	{ countAttempt }: { countAttempt: boolean },
): Promise<void> {
	await db.query(endLeaseStatement, [imageId, token, countAttempt ? 0 : 1]);
}

/** Undefined when the lease was lost. */
export async function makeReady(
	db: Database,
	imageId: string,
	token: string,
	{ mimeType, fileSizeBytes, width, height, placeholder }: ProcessedImage,
): Promise<ReadyRow | undefined> {
	const values = [imageId, mimeType, fileSizeBytes, width, height, placeholder, retentionDays, token];
	const [ready] = await db.query<ReadyRow>(readyStatement, values);
	return ready;
}

/** The row is DELETING from now on. False when the lease was lost. */
export async function markRejected(db: Database, imageId: string, token: string): Promise<boolean> {
	return (await db.query(rejectStatement, [imageId, token])).length > 0;
}

/** To be called when no object of a rejected image is left. */
export async function deleteRejected(db: Database, imageId: string): Promise<void> {
	await db.query(deleteRejectedStatement, [imageId]);
}

const leaseStatement = statement(
	"media.confirm.lease",
	`update images set confirming_by = $2, confirming_until = now() + interval '${leaseSeconds} seconds', attempts = attempts + 1, updated_at = now()
	where id = $1 and status = 'PENDING' and (confirming_until is null or confirming_until < now())
	returning id, attempts, file_size_bytes, ${keyColumns}`,
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

const deleteRejectedStatement = statement(
	"media.confirm.deleteRejected",
	"delete from images where id = $1 and status = 'DELETING'",
);
