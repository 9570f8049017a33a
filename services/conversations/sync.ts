import { z } from "zod";
import type { Calls, Result } from "../../lib/contracts.ts";
import { decodeCursor, encodeCursor } from "../../lib/cursor.ts";
import { Xid } from "../../lib/schemas.ts";
import { type Database, statement } from "../../mixins/database.ts";
import { type ConversationRow, selectConversations } from "./conversation-row.ts";
import { views } from "./view.ts";

/** Messages told of a conversation; the rest is history. */
const messagesLimit = 50;

/** Conversations told when a client starts afresh. */
const recentLimit = 50;

/** With more changes than this, starting afresh is cheaper for everybody. */
const changedLimit = 200;

/**
 * What is new or changed for a user since a cursor. A cursor is an identity of the database and the oldest transaction that was
 * running when it was given out: whatever was not seen then has committed since, under this number or a higher one. What is
 * told twice is harmless. Another identity (a restored backup, a failover) cannot be compared with.
 */
export async function sync(
	db: Database,
	calls: Calls,
	viewerId: string,
	since: string | undefined,
): Promise<Result<"conversations.sync">> {
	const now = await currentPosition(db);
	const then = since === undefined ? null : decodeCursor(since, Position);
	const isAnswerable = then !== null && then[0] === now.identity && BigInt(then[1]) <= BigInt(now.xid);
	const changed = isAnswerable ? await changedRows(db, viewerId, then[1], changedLimit + 1) : [];
	const reset = then !== null && (!isAnswerable || changed.length > changedLimit);
	const sinceXid = then === null || reset ? null : then[1];
	const rows = sinceXid === null ? await changedRows(db, viewerId, "0", recentLimit) : changed;

	const [conversations, changes] = await Promise.all([
		views(
			calls,
			rows.map((row) => ({ row, viewerId })),
		),
		calls.call("messages.changes", { conversationIds: rows.map(({ id }) => id), sinceXid, limit: messagesLimit }),
	]);
	const changesOf = new Map(changes.map(({ conversationId, ...rest }) => [conversationId, rest]));
	return {
		conversations: conversations.map((conversation) => ({
			...conversation,
			...(changesOf.get(conversation.id) ?? { messages: [], hasMore: false }),
		})),
		nextSince: encodeCursor([now.identity, now.xid]),
		reset,
	};
}

const Position = z.tuple([z.string(), Xid]);

/** Asked before anything is read: what commits in between is told now and once more the next time. */
async function currentPosition(db: Database): Promise<{ identity: string; xid: string }> {
	const [position] = await db.query<{ identity: string; xid: string }>(positionStatement);
	return position as { identity: string; xid: string };
}

function changedRows(db: Database, viewerId: string, sinceXid: string, limit: number): Promise<ConversationRow[]> {
	return db.query<ConversationRow>(changedStatement, [viewerId, sinceXid, limit]);
}

/** The cluster, its timeline (a failover may have lost commits) and the database in it. */
const positionStatement = statement(
	"conversations.position",
	`select (select system_identifier from pg_control_system()) || '.' || (select timeline_id from pg_control_checkpoint())
			|| '.' || (select oid from pg_database where datname = current_database()) as identity,
		pg_snapshot_xmin(pg_current_snapshot())::text as xid`,
);

const changedStatement = statement(
	"conversations.changed",
	`${selectConversations}
	where (c.user1_id = $1 or c.user2_id = $1)
		and (c.changed_xid >= $2::xid8 or p1.changed_xid >= $2::xid8 or p2.changed_xid >= $2::xid8)
	order by coalesce(c.last_message_at, c.created_at) desc, c.id desc limit $3`,
);
