import { z } from "zod";
import { decodeCursor, encodeCursor } from "../../../lib/cursor.ts";
import { ParleyError } from "../../../lib/errors.ts";
import { Time } from "../../../lib/schemas.ts";
import { sqlState, sqlStateOf } from "../../../lib/sqlstate.ts";
import { timeOf } from "../../../lib/time-of.ts";
import { type Database, statement } from "../../../mixins/database.ts";
import type { Params, Result } from "../../contracts.ts";

const Place = z.tuple([Time, z.guid()]);

/** Notifications that were given up, the last one first. */
export async function listDead(db: Database, { limit, cursor }: Params<"notifier.dead">): Promise<Result<"notifier.dead">> {
	const place = cursor === undefined ? ["infinity", "ffffffff-ffff-ffff-ffff-ffffffffffff"] : decodeCursor(cursor, Place);
	const rows = await db.query<Result<"notifier.dead">["items"][number]>(listStatement, [...place, limit + 1]);
	const items = rows.slice(0, limit);
	const last = rows.length > limit ? items.at(-1) : undefined;
	return { items, nextCursor: last ? encodeCursor([last.deadSince, last.id]) : null };
}

/**
 * Has a dead notification sent again. Nothing changes when it is not dead: a call may be repeated because its answer was lost.
 * NOT_FOUND when there is no notification with this id.
 */
export async function retryDead(db: Database, id: string, nowMs: number): Promise<void> {
	try {
		const [known] = await db.query(retryStatement, [id, timeOf(nowMs)]);
		if (!known) throw new ParleyError("NOT_FOUND");
	} catch (error) {
		// A newer one waits for the same device and conversation, and tells of these messages too.
		if (sqlStateOf(error) !== sqlState.uniqueViolation) throw error;
		await db.query(replaceStatement, [id, timeOf(nowMs)]);
	}
}

const listStatement = statement(
	"notifications.dead",
	`select id, user_id as "userId", channel, conversation_ids as "conversationIds", attempts, last_error as "lastError",
		created_at as "createdAt", updated_at as "deadSince"
	from notifications
	where state = 'DEAD' and (updated_at, id) < ($1::timestamptz, $2::uuid)
	order by updated_at desc, id desc limit $3`,
);

/** It counts as new, so that it has a day again. */
const retryStatement = statement(
	"notifications.retry",
	`with retried as (
		update notifications set state = 'WAITING', due_at = $2, created_at = $2, attempts = 0, updated_at = $2
		where id = $1 and state = 'DEAD'
	)
	select from notifications where id = $1`,
);

const replaceStatement = statement(
	"notifications.replaced",
	"update notifications set state = 'CANCELLED', updated_at = $2 where id = $1 and state = 'DEAD'",
);
