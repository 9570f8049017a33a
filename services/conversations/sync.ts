import { z } from "zod";
import { pageBytes } from "../../lib/byte-budget.ts";
import { changedSince } from "../../lib/changed-since.ts";
import type { Calls, Result } from "../../lib/contracts.ts";
import { decodeCursor, encodeCursor } from "../../lib/cursor.ts";
import { ParleyError } from "../../lib/errors.ts";
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

/** What the conversations with their last messages may have as JSON; the messages have a page besides. */
const headsBytes = 384 * 1024;

/**
 * What is new or changed for a user since a cursor. A cursor is an identity of the database and the oldest transaction that was
 * running when it was given out: whatever was not seen then has committed since, under this number or a higher one. What is
 * told twice is harmless. Another identity (a restored backup, a failover) cannot be compared with. UNAVAILABLE from a standby.
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

interface CurrentPosition {
	identity: string;
	xid: string;
}

/**
 * Asked before anything is read: what commits in between is told now and once more the next time. A standby may be behind what the
 * client knows already, so it says nothing.
 */
async function currentPosition(db: Database): Promise<CurrentPosition> {
	const [position] = await db.query<CurrentPosition | { identity: null }>(positionStatement);
	if (!position || position.identity === null) throw new ParleyError("UNAVAILABLE");
	return position;
}

/**
 * The cluster, its timeline (a failover may have lost commits, and uses their numbers again), the database and the table in it (a
 * dump may be restored into either). The name of the WAL file that is being written begins with the timeline, from the moment
 * of a promotion on; the control file tells it only after the next checkpoint. A standby writes none.
 */
const positionStatement = statement(
	"conversations.position",
	`select case when not pg_is_in_recovery() then concat_ws('.',
			(select system_identifier from pg_control_system()),
			left(pg_walfile_name(pg_current_wal_insert_lsn()), 8),
			(select oid from pg_database where datname = current_database()),
			'conversations'::regclass::oid
		) end as identity,
		pg_snapshot_xmin(pg_current_snapshot())::text as xid`,
);

/** Which conversations are told is decided first; the rest of what is told is read of these alone. */
export const changedStatement = statement(
	"conversations.changed",
	`${selectConversations}
	where c.id = any (array(
		select c.id from conversations c
		where (c.user1_id = $1 or c.user2_id = $1) and ($2::xid8 is null or ${changedSince("c.changed_xid", "$2")} or exists (
			select from participants p where p.conversation_id = c.id and ${changedSince("p.changed_xid", "$2")}
		))
		order by coalesce(c.last_message_at, c.created_at) desc, c.id desc limit $3
	))
	order by coalesce(c.last_message_at, c.created_at) desc, c.id desc`,
);
