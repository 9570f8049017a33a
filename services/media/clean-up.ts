import type { Logger } from "moleculer";
import { type Database, statement } from "../../mixins/database.ts";
import type { Storage } from "../../mixins/storage.ts";
import type { Calls, Result } from "../contracts.ts";
import { isUploadKey, uploadsUnder } from "./keys.ts";
import { type DoomedRow, doomedColumns, remove } from "./remove.ts";
import { unsentHours } from "./states.ts";

/** What cleaning up takes. */
export interface Broom {
	db: Database;
	storage: Storage;
	keyPrefix: string;
	calls: Calls;
	logger: Logger;
}

/** How many images a statement takes on. */
const batch = 500;

/** Deletes what is due. May run on several nodes at once; that is only a waste. */
export async function cleanUp(broom: Broom): Promise<Result<"media.cleanUp">> {
	const { db } = broom;
	await doomUnsent(broom);
	while ((await db.query(doomDueStatement, [batch])).length === batch);
	await emptyWaitingRoom(broom);
	return removeDoomed(broom);
}

/** A claim may have failed to become a message, or a message to keep its claim: `messages` knows. */
async function doomUnsent({ db, calls }: Broom): Promise<void> {
	for (;;) {
		const unsent = await db.query<UnsentRow>(unsentStatement, [batch]);
		if (unsent.length === 0) return;
		const images = unsent.map(({ id, conversation_id }) => ({ imageId: id, conversationId: conversation_id }));
		const sent = await calls.call("messages.imageUses", { images });
		const clientIdOf = new Map(sent.map(({ imageId, clientId }) => [imageId, clientId]));
		await db.query(settleUnsentStatement, [
			unsent.map(({ id }) => id),
			unsent.map(({ id }) => clientIdOf.get(id) ?? null),
			unsent.map(({ claimed_at }) => claimed_at),
		]);
		if (unsent.length < batch) return;
	}
}

/** In the order in which they were doomed, each once: what fails is tried again the next time. */
async function removeDoomed({ db, storage, calls, logger }: Broom): Promise<Result<"media.cleanUp">> {
	const counts = { deleted: 0, failed: 0 };
	for (let after = nothing; ; ) {
		const doomed = await db.query<DoomedRow>(doomedStatement, [after, batch]);
		for (const image of doomed) {
			try {
				if (await remove(db, storage, calls, image)) counts.deleted++;
			} catch (error) {
				counts.failed++;
				logger.warn(`Could not delete image ${image.id} yet:`, error);
			}
		}
		const last = doomed.at(-1);
		if (!last || doomed.length < batch) return counts;
		after = last.id;
	}
}

/** Below every id. */
const nothing = "00000000-0000-0000-0000-000000000000";

/** What is in there longer than an upload may wait is of no image, or of one that does not need it (states.ts, 5). */
async function emptyWaitingRoom({ storage, keyPrefix }: Broom): Promise<void> {
	const longAgo = Date.now() - unsentHours * 3_600_000;
	for await (const { key, modifiedAt } of storage.list(uploadsUnder(keyPrefix))) {
		if (modifiedAt.getTime() < longAgo && isUploadKey(keyPrefix, key)) await storage.delete([key]);
	}
}

interface UnsentRow {
	id: string;
	conversation_id: string;
	claimed_at: string | null;
}

const isOld = `created_at < now() - interval '${unsentHours} hours'`;

const doomDueStatement = statement(
	"media.cleanUp.doomDue",
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

/** An image that was claimed since we looked is left alone. */
const settleUnsentStatement = statement(
	"media.cleanUp.settleUnsent",
	`update images i
	set client_id = u.client_id, sent_at = case when u.client_id is not null then now() end,
		status = case when u.client_id is null then 'DELETING' else status end, updated_at = now()
	from unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) as u (id, client_id, claimed_at)
	where i.id = u.id and i.status = 'READY' and i.claimed_at is not distinct from u.claimed_at`,
);

const doomedStatement = statement(
	"media.cleanUp.doomed",
	`select ${doomedColumns} from images where status = 'DELETING' and id > $1 order by id limit $2`,
);
