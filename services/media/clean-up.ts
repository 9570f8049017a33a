import type { Logger } from "moleculer";
import { type Database, statement } from "../../mixins/database.ts";
import type { Storage } from "../../mixins/storage.ts";
import type { Calls, Result } from "../contracts.ts";
import { type DeletingRow, deletingColumns, finishDeletion } from "./delete-image.ts";
import { unsentHours } from "./image-lifecycle.ts";
import { isUploadKey, uploadsUnder } from "./object-keys.ts";
import { rowsById } from "./rows-by-id.ts";

/** What the clean-up needs. */
export interface CleanUpContext {
	db: Database;
	storage: Storage;
	keyPrefix: string;
	calls: Calls;
	logger: Logger;
}

/** How many images one statement changes or reads. */
const batchSize = 500;

/**
 * Deletes old images, images that were never sent, uploads that were never confirmed, and what could not be deleted before. It may
 * run on several nodes at once: that costs more, and is otherwise harmless.
 */
export async function cleanUp(context: CleanUpContext): Promise<Result<"media.cleanUp">> {
	const { db } = context;
	await markUnsentDeleting(context);
	while ((await db.query(markDueDeletingStatement, [batchSize])).length === batchSize);
	await deleteLateUploads(context);
	return finishDeletions(context);
}

/** `messages` knows which images were really sent: a claim does not tell that a message was stored. */
async function markUnsentDeleting({ db, calls }: CleanUpContext): Promise<void> {
	for (;;) {
		const unsent = await db.query<UnsentRow>(unsentStatement, [batchSize]);
		if (unsent.length === 0) return;
		const images = unsent.map(({ id, conversation_id }) => ({ imageId: id, conversationId: conversation_id }));
		const sent = await calls.call("messages.imageUses", { images });
		const clientIdOf = new Map(sent.map(({ imageId, clientId }) => [imageId, clientId]));
		await db.query(settleUnsentStatement, [
			unsent.map(({ id }) => id),
			unsent.map(({ id }) => clientIdOf.get(id) ?? null),
			unsent.map(({ claimed_at }) => claimed_at),
		]);
		if (unsent.length < batchSize) return;
	}
}

/** Tries each image that is DELETING once, in the order of their ids. The next clean-up tries the failed ones again. */
async function finishDeletions({ db, storage, calls, logger }: CleanUpContext): Promise<Result<"media.cleanUp">> {
	const counts = { deleted: 0, failed: 0 };
	for await (const image of rowsById<DeletingRow>(db, deletingStatement, batchSize)) {
		try {
			if (await finishDeletion(db, storage, calls, image)) counts.deleted++;
		} catch (error) {
			counts.failed++;
			logger.warn(`Could not delete image ${image.id} yet:`, error);
		}
	}
	return counts;
}

/** Deletes uploads that are older than an upload may wait. No image needs them any more (image-lifecycle.ts, 5). */
async function deleteLateUploads({ storage, keyPrefix }: CleanUpContext): Promise<void> {
	const before = Date.now() - unsentHours * 3_600_000;
	for await (const { key, modifiedAt } of storage.list(uploadsUnder(keyPrefix))) {
		if (modifiedAt.getTime() < before && isUploadKey(keyPrefix, key)) await storage.delete([key]);
	}
}

interface UnsentRow {
	id: string;
	conversation_id: string;
	claimed_at: string | null;
}

const isOld = `created_at < now() - interval '${unsentHours} hours'`;

const markDueDeletingStatement = statement(
	"media.cleanUp.markDueDeleting",
	`update images set status = 'DELETING', updated_at = now()
	where id in (
		(select id from images where status = 'READY' and delete_after < now() limit $1)
		union all
		(select id from images where status = 'PENDING' and ${isOld} limit $1)
		limit $1
	) and status in ('READY', 'PENDING')
	returning id`,
);

const unsentStatement = statement(
	"media.cleanUp.unsent",
	`select id, conversation_id, claimed_at from images
	where status = 'READY' and sent_at is null and ${isOld} and (claimed_at is null or claimed_at < now() - interval '${unsentHours} hours')
	order by created_at limit $1`,
);

/** Leaves an image alone that was claimed after `unsentStatement` read it. */
const settleUnsentStatement = statement(
	"media.cleanUp.settleUnsent",
	`update images i
	set client_id = u.client_id, sent_at = case when u.client_id is not null then now() end,
		status = case when u.client_id is null then 'DELETING' else status end, updated_at = now()
	from unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) as u (id, client_id, claimed_at)
	where i.id = u.id and i.status = 'READY' and i.claimed_at is not distinct from u.claimed_at`,
);

const deletingStatement = statement(
	"media.cleanUp.deleting",
	`select ${deletingColumns} from images where status = 'DELETING' and id > $1 order by id limit $2`,
);
