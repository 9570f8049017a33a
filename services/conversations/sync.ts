import { z } from "zod";
import { pageBytes } from "../../lib/byte-budget.ts";
import { changedSince } from "../../lib/changed-since.ts";
import { decodeCursor, encodeCursor } from "../../lib/cursor.ts";
import { Xid } from "../../lib/schemas.ts";
import { type Database, statement } from "../../mixins/database.ts";
import type { Calls, Result } from "../contracts.ts";
import { type ConversationRow, selectConversations } from "./conversation-row.ts";
import { currentSyncPoint, type SyncPoint } from "./sync-point.ts";
import { toConversations } from "./to-conversations.ts";

/** Messages of one conversation in an answer; the client loads older ones as history. */
const messagesLimit = 50;

/** Conversations in the answer to a client that starts afresh. */
const recentLimit = 50;

/** With more changed conversations than this, it is cheaper for server and client to start afresh. */
const changedLimit = 200;

/** JSON bytes of all conversations with their last messages. The other messages may have another `pageBytes`. */
const headsBytes = 384 * 1024;

/**
 * What is new or changed for a user since a cursor.
 *
 * 1. A cursor is a `SyncPoint`: the identity of the database, and the oldest transaction that was running when it was given out.
 * 2. Everything that the client has not seen has this transaction number or a higher one. The answer may repeat something that
 *    the client has seen, which is harmless.
 * 3. A cursor of another identity (a restored backup, a failover) cannot be answered: `reset`.
 *
 * UNAVAILABLE from a standby.
 */
export async function sync(
	db: Database,
	calls: Calls,
	viewerId: string,
	since: string | undefined,
): Promise<Result<"conversations.sync">> {
	const now = await currentSyncPoint(db);
	const changed = since === undefined ? null : await changedFor(db, calls, viewerId, decodeCursor(since, SyncCursor), now);
	return {
		conversations: changed ?? (await recentFor(db, calls, viewerId)),
		nextSince: encodeCursor([now.identity, now.xid]),
		reset: since !== undefined && changed === null,
	};
}

type Snapshots = Result<"conversations.sync">["conversations"];

/** Null when this cursor cannot be answered or the answer would be too large: then the client starts afresh. */
async function changedFor(
	db: Database,
	calls: Calls,
	viewerId: string,
	[identity, sinceXid]: z.infer<typeof SyncCursor>,
	now: SyncPoint,
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
		// Fewer conversations share the bytes for messages.
		rows = rows.slice(0, snapshots.length);
	}
}

async function snapshotsOf(
	calls: Calls,
	viewerId: string,
	rows: ConversationRow[],
	sinceXid: string | null,
): Promise<{ snapshots: Snapshots; isComplete: boolean }> {
	const wanted = rows.map((row) => ({ row, viewerId }));
	const conversationIds = rows.map(({ id }) => id);
	const [heads, changes] = await Promise.all([
		toConversations(calls, wanted, headsBytes),
		calls.call("messages.changes", { conversationIds, sinceXid, limit: messagesLimit, maxBytes: pageBytes }),
	]);
	const changesOf = new Map(changes.conversations.map(({ conversationId, ...rest }) => [conversationId, rest]));
	return {
		snapshots: heads.map((head) => ({ ...head, ...(changesOf.get(head.id) ?? { messages: [], hasMore: false }) })),
		isComplete: changes.isComplete && heads.length === rows.length,
	};
}

/** A `SyncPoint`: identity and transaction. */
const SyncCursor = z.tuple([z.string(), Xid]);

/**
 * The inner select decides which conversations are in the answer, so that the other columns are read for these only. `moved` are
 * the conversations whose participants changed: read, delivered or muted. It looks at all of the viewer's conversations at once,
 * which reads half as much as one by one.
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
