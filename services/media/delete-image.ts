import type { Logger } from "moleculer";
import { ParleyError } from "../../lib/errors.ts";
import { type Database, statement } from "../../mixins/database.ts";
import type { Storage } from "../../mixins/storage.ts";
import type { Calls } from "../contracts.ts";
import { claimSettlesSeconds, leaseSeconds } from "./image-lifecycle.ts";
import { allKeysOf, type KeyColumns, keyColumns } from "./object-keys.ts";

/** What deleting an image needs. */
export interface DeletionContext {
	db: Database;
	storage: Storage;
	logger: Logger;
}

/** A row with the status DELETING. */
export interface DeletingRow extends KeyColumns {
	id: string;
	conversation_id: string;
	/** No confirmation can write its objects any more, and no message with it can be stored. Once true, it stays true. */
	settled: boolean;
}

/** For the `returning` and `select` of an image that is DELETING. */
export const deletingColumns = `id, conversation_id, ${keyColumns},
	(confirming_until is null or confirming_until < now() - interval '${leaseSeconds} seconds')
		and (claimed_at is null or claimed_at < now() - interval '${claimSettlesSeconds} seconds') as settled`;

/** Clients cannot see the image from now on. If its objects cannot be deleted now, the clean-up does it. NOT_FOUND. */
export async function deleteImage({ db, storage, logger }: DeletionContext, calls: Calls, imageId: string): Promise<void> {
	const [deleting] = await db.query<DeletingRow>(markDeletingStatement, [imageId]);
	if (!deleting) throw new ParleyError("NOT_FOUND");
	await finishDeletion(db, storage, calls, deleting).catch((error: unknown) => {
		logger.warn(`Image ${deleting.id} will be deleted later:`, error);
	});
}

/**
 * Does what DELETING promises (image-lifecycle.ts, 4): takes the image out of its message, deletes its objects, then makes the row
 * GONE or deletes it. Every part may fail and can be repeated. False when the row is not settled and has to be deleted later.
 */
export async function finishDeletion(db: Database, storage: Storage, calls: Calls, image: DeletingRow): Promise<boolean> {
	const { id: imageId, conversation_id: conversationId } = image;
	await calls.call("messages.dropImage", { conversationId, imageId });
	await storage.delete(allKeysOf(image));
	if (image.settled) await db.query(finishStatement, [imageId]);
	return image.settled;
}

const markDeletingStatement = statement(
	"media.markDeleting",
	`update images set status = 'DELETING', updated_at = now() where id = $1 and status in ('PENDING', 'READY', 'DELETING')
	returning ${deletingColumns}`,
);

const finishStatement = statement(
	"media.finish",
	`
	with forgotten as (
		delete from images where id = $1 and status = 'DELETING' and client_id is null
	)
	update images set status = 'GONE', original_filename = null, placeholder = null, updated_at = now()
	where id = $1 and status = 'DELETING' and client_id is not null`,
);
