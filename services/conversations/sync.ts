import { z } from "zod";
import { pageBytes } from "../../lib/byte-budget.ts";
import { changedSince } from "../../lib/changed-since.ts";
import { decodeCursor, encodeCursor } from "../../lib/cursor.ts";
import { Xid } from "../../lib/schemas.ts";
import { type Database, statement } from "../../mixins/database.ts";
import type { Calls, Result } from "../contracts.ts";
import { type ConversationRow, selectConversations } from "./conversation-row.ts";
import { type CurrentPosition, currentPosition } from "./current-position.ts";
import { views } from "./view.ts";

/** Messages told of a conversation; the rest is history. */
const messagesLimit = 50;

/** Conversations told when a client starts afresh. */
const recentLimit = 50;

/** With more changes than this, starting afresh is cheaper for everybody. */
const changedLimit = 200;

/** What the conversations with their last messages may have as JSON; the messages have a page besides. */
const headsBytes = 384 * 1024;

/**
 * What is new or changed for a user since a cursor. A cursor is an identity of the database and the oldest transaction that
 * was running when it was given out: whatever was not seen then has committed since, under this number or a higher one. What
 * is told twice is harmless. Another identity (a restored backup, a failover) cannot be compared with. UNAVAILABLE from a
 * standby.
 */
export async function sync(
	db: Database,
	calls: Calls,
	viewerId: string,
	since: string | undefined,
): Promise<Result<"conversations.sync">> {
	const now = await currentPosition(db);
	const changed = since === undefined ? null : await changedFor(db, calls, viewerId, decodeCursor(since, Position), now);
	return {
		conversations: changed ?? (await recentFor(db, calls, viewerId)),
		nextSince: encodeCursor([now.identity, now.xid]),
		reset: since !== undefined && changed === null,
	};
}

type Snapshots = Result<"conversations.sync">["conversations"];

/** Null when there is no answer to this cursor, or when it would be too much: then the client starts afresh. */
async function changedFor(
	db: Database,
	calls: Calls,
	viewerId: string,
	[identity, sinceXid]: z.infer<typeof Position>,
	now: CurrentPosition,
): Promise<Snapshots | null> {
	if (identity !== now.identity || BigInt(sinceXid) > BigInt(now.xid)) return null;
	const rows = await db.query<ConversationRow>(changedStatement, [viewerId, sinceXid, changedLimit + 1]);
	if (rows.length > changedLimit) return null;
	const { snapshots, isComplete } = await snapshotsOf(calls, viewerId, rows, sinceXid);
	return isComplete ? snapshots : null;
}

/** The most recent conversations, as many as fit. */
async function recentFor(db: Database, calls: Calls, viewerId: string): Promise<Snapshots> {
	let rows = await db.query<ConversationRow>(changedStatement, [viewerId, null, recentLimit]);
	for (;;) {
		const { snapshots } = await snapshotsOf(calls, viewerId, rows, null);
		if (snapshots.length === rows.length) return snapshots;
		// What the messages may have is shared among those conversations that are told.
		rows = rows.slice(0, snapshots.length);
	}
}

async function snapshotsOf(
	calls: Calls,
	viewerId: string,
	rows: ConversationRow[],
	sinceXid: string | null,
): Promise<{ snapshots: Snapshots; isComplete: boolean }> {
	const sights = rows.map((row) => ({ row, viewerId }));
	const conversationIds = rows.map(({ id }) => id);
	const [heads, changes] = await Promise.all([
		views(calls, sights, headsBytes),
		calls.call("messages.changes", { conversationIds, sinceXid, limit: messagesLimit, maxBytes: pageBytes }),
	]);
	const changesOf = new Map(changes.conversations.map(({ conversationId, ...rest }) => [conversationId, rest]));
	return {
		snapshots: heads.map((head) => ({ ...head, ...(changesOf.get(head.id) ?? { messages: [], hasMore: false }) })),
		isComplete: changes.isComplete && heads.length === rows.length,
	};
}

const Position = z.tuple([z.string(), Xid]);

/**
 * Which conversations are told is decided first; the rest of what is told is read of these alone. `moved` are those in which
 * somebody has read, has got a message, or has muted: it is asked for all of the viewer's at once, which reads half as much
 * as one by one.
 */
export const changedStatement = statement(
	"conversations.changed",
	`
	with mine as materialized (
		select id, changed_xid, coalesce(last_message_at, created_at) as active_at
		from conversations where user1_id = $1 or user2_id = $1
	),
	moved as (
		select p.conversation_id from participants p
		where $2::xid8 is not null and p.conversation_id = any (array(select id from mine)) and ${changedSince("p.changed_xid", "$2")}
	)
	${selectConversations}
	where c.id = any (array(
		select id from mine
		where $2::xid8 is null or ${changedSince("changed_xid", "$2")} or id in (select conversation_id from moved)
		order by active_at desc, id desc limit $3
	))
	order by coalesce(c.last_message_at, c.created_at) desc, c.id desc`,
);
