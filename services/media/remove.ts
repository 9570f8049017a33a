import { type Database, statement } from "../../mixins/database.ts";
import type { Storage } from "../../mixins/storage.ts";
import type { Calls } from "../contracts.ts";
import { claimSettlesSeconds, leaseSeconds } from "./states.ts";

/** An image whose row says that it is to be deleted. */
export interface DoomedRow {
	id: string;
	conversation_id: string;
	upload_key: string;
	storage_key: string;
	preview_key: string;
	thumbnail_key: string;
	/** Nobody can be about to write its objects or to store a message with it. Never becomes false again. */
	settled: boolean;
}

/** For the `returning` and `select` of an image that is DELETING. */
export const doomedColumns = `id, conversation_id, upload_key, storage_key, preview_key, thumbnail_key,
	(confirming_until is null or confirming_until < now() - interval '${leaseSeconds} seconds')
		and (claimed_at is null or claimed_at < now() - interval '${claimSettlesSeconds} seconds') as settled`;

/** From now on the image is as good as deleted. Undefined when it is gone already. */
export async function doom(db: Database, imageId: string): Promise<DoomedRow | undefined> {
	const [doomed] = await db.query<DoomedRow>(doomStatement, [imageId]);
	return doomed;
}

/**
 * Does what the row promises (states.ts, 4): its message loses it, its objects go, and then the row says so or goes. Any part
 * may fail, and is done again with the next try. False when there has to be one in any case.
 */
export async function remove(db: Database, storage: Storage, calls: Calls, image: DoomedRow): Promise<boolean> {
	const { id: imageId, conversation_id: conversationId } = image;
	await calls.call("messages.dropImage", { conversationId, imageId });
	await storage.delete([image.upload_key, image.storage_key, image.preview_key, image.thumbnail_key]);
	if (image.settled) await db.query(finishStatement, [imageId]);
	return image.settled;
}

const doomStatement = statement(
	"media.doom",
	`update images set status = 'DELETING', updated_at = now() where id = $1 and status in ('PENDING', 'READY', 'DELETING')
	returning ${doomedColumns}`,
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
