import { type Database, statement } from "../../mixins/database.ts";
import { sentBy } from "../conversation-sql.ts";
import { databaseIdentity } from "./sync-point.ts";

/** Over all conversations of a user, exact at one moment. */
export interface UnreadTotal {
	userId: string;
	total: number;
	/** The sum of the newest seqs. */
	totalLastSeq: number;
	/** The total with its snapshot, for `totalsSince`. Null where summing anew costs less. */
	saved: string | null;
}

/** Below so many conversations a total is not saved: their sum costs less than finding what is new. */
export const minConversations = 500;

/**
 * A saved total is used while PostgreSQL has written less than this, for each conversation of the user, since its snapshot. Beyond
 * that, looking through what is new costs more than the sum.
 */
const maxWalBytes = 256;

/** A total is summed anew after this time. It limits the harm of rows that somebody changes by hand. */
export const maxTotalAgeSeconds = 600;

/**
 * A transaction that stays open for long holds back the oldest number of all snapshots, and everything above that number would be
 * looked through. A snapshot that covers more numbers than this is not used.
 */
const maxOpenNumbers = 256;

/** Sums over all conversations of each user. */
export function sumTotals(db: Database, userIds: string[]): Promise<UnreadTotal[]> {
	return db.query<UnreadTotal>(sumStatement, [userIds]);
}

/**
 * Saved totals brought up to date: each with what was committed since its snapshot (docs/adr/0028). The cost does not depend on how
 * many conversations the users have. A user whose saved total cannot be used is left out.
 */
export function totalsSince(db: Database, saved: ReadonlyMap<string, string>): Promise<UnreadTotal[]> {
	return db.query<UnreadTotal>(sinceStatement, [[...saved.keys()], [...saved.values()]]);
}

/**
 * On a standby the identity is null, so that no total of a standby is ever used again. The start of the server is a part of it: a
 * server that crashed may use the numbers of transactions again which were not committed.
 */
const place = `place as (
	select ${databaseIdentity} || '.' || extract(epoch from pg_postmaster_start_time())::text as identity, case when not pg_is_in_recovery() then pg_current_wal_insert_lsn() end as lsn,
		extract(epoch from clock_timestamp())::float8 as seconds
)`;

/** What `totalsSince` needs later. `p` is the place. */
const saving = (total: string, totalLastSeq: string, conversations: string, summedAt: string) => `
	json_build_object('identity', p.identity, 'snapshot', pg_current_snapshot()::text, 'lsn', p.lsn::text, 'summedAt', ${summedAt},
		'conversations', ${conversations}, 'total', ${total}, 'totalLastSeq', ${totalLastSeq})::text`;

/**
 * Messages that others wrote to the user, less those that the user has read: two sums, each over rows that an index finds by the
 * user. A join of the two tables would look up each conversation by itself.
 */
export const sumStatement = statement(
	"conversations.unreadTotals",
	`
	with ${place}
	select u.user_id as "userId", s.total, s.total_last_seq as "totalLastSeq",
		case when s.conversations >= ${minConversations} then
			(select ${saving("s.total", "s.total_last_seq", "s.conversations", "p.seconds")} from place p)
		end as saved
	from unnest($1::text[]) as u (user_id) cross join lateral (
		select coalesce(sum(mine.last_seq - mine.sent), 0)::bigint
				- (select coalesce(sum(p.others_read), 0)::bigint from participants p where p.user_id = u.user_id) as total,
			coalesce(sum(mine.last_seq), 0)::bigint as total_last_seq, count(*) as conversations
		from (
			select last_seq, user1_sent as sent from conversations where user1_id = u.user_id
			union all
			select last_seq, user2_sent from conversations where user2_id = u.user_id
		) as mine
	) as s`,
);

/** A row that a dump brought may have any number. A row of this cluster was written by its own number, or by that of its last change. */
const isWrittenHere = {
	message: `(m.xmin = m.created_xid::xid or coalesce(m.changed_xid >= m.created_xid and m.xmin = m.changed_xid::xid, false))`,
	receipt: `(r.xmin = r.created_xid::xid)`,
};

/** Whether the saved total counts the row already. */
const isCounted = (row: "m" | "r", isHere: string) => `(pg_visible_in_snapshot(${row}.created_xid, s.snapshot) or not ${isHere})`;

/**
 * 1. `usable` are the saved totals of this database, recent enough.
 * 2. `touched` are the conversations of any user with messages, and with receipts of these users, which are above the oldest number
 *    of their snapshots: BRIN indexes find them. A subquery with `offset 0` or `limit 1` is
 *    planned by itself: otherwise other ways would be chosen, since the planner expects a third of the table to be new.
 * 3. `changed` are those of them that are the users' own: what is unread now less what was unread in the snapshot. At that
 *    time the head of a conversation was the newest message which the snapshot sees, and the read cursor was the newest receipt which it
 *    sees: both become visible in the order of their seqs, since each is written under the lock of its row. Without a new receipt the
 *    cursor has not moved.
 * 4. The differences are added to the total.
 */
export const sinceStatement = statement(
	"conversations.unreadTotalsSince",
	`
	with ${place},
	usable as materialized (
		select g.user_id, s.* from unnest($1::text[], $2::jsonb[]) as g (user_id, saved)
		cross join lateral jsonb_to_record(g.saved) as s (identity text, snapshot pg_snapshot, lsn pg_lsn, "summedAt" float8,
			conversations int, total bigint, "totalLastSeq" bigint)
		join place p on p.identity = s.identity
		where pg_wal_lsn_diff(p.lsn, s.lsn) between 0 and s.conversations * ${maxWalBytes}::bigint
			and p.seconds - s."summedAt" between 0 and ${maxTotalAgeSeconds}
			and pg_snapshot_xmax(s.snapshot)::text::bigint - pg_snapshot_xmin(s.snapshot)::text::bigint <= ${maxOpenNumbers}
	),
	bounds as materialized (select min(pg_snapshot_xmin(snapshot)::text::bigint) as oldest from usable),
	touched as materialized (
		select m.conversation_id from messages m
		where m.created_xid::text::bigint >= (select oldest from bounds) and ${isWrittenHere.message}
		union
		select r.conversation_id from (
			select r.*, ${isWrittenHere.receipt} as is_here from receipts r
			where r.created_xid::text::bigint >= (select oldest from bounds) offset 0
		) as r
		where r.kind = 'read' and r.is_here and r.user_id in (select user_id from usable)
	),
	own as materialized (
		select c.* from touched t
		cross join lateral (select * from conversations c where c.id = t.conversation_id limit 1) as c
		where c.user1_id in (select user_id from usable) or c.user2_id in (select user_id from usable)
	),
	changed as (
		select s.user_id, c.last_seq - coalesce(head.seq, 0) as new_messages,
			c.last_seq - person.sent - mine.others_read
				- (coalesce(head.others_sent, 0) - least(coalesce(head.others_sent, 0), before.others_read)) as new_unread
		from own c
		cross join lateral (values (c.user1_id, c.user1_sent), (c.user2_id, c.user2_sent)) as person (user_id, sent)
		join usable s on s.user_id = person.user_id
		cross join lateral (
			select p.others_read from participants p where p.conversation_id = c.id and p.user_id = s.user_id limit 1
		) as mine
		left join lateral (
			select m.seq, m.seq - ${sentBy("s.user_id", "c", "m")} as others_sent from messages m
			where m.conversation_id = c.id and ${isCounted("m", isWrittenHere.message)} order by m.seq desc limit 1
		) as head on true
		left join lateral (
			select r.up_to_seq, ${isCounted("r", isWrittenHere.receipt)} as is_counted from receipts r
			where r.conversation_id = c.id and r.user_id = s.user_id and r.kind = 'read' order by r.up_to_seq desc limit 1
		) as newest on true
		cross join lateral (
			select case when coalesce(newest.is_counted, true) then mine.others_read else coalesce((
				select m.seq - ${sentBy("s.user_id", "c", "m")} from messages m where m.conversation_id = c.id and m.seq = (
					select r.up_to_seq from receipts r
					where r.conversation_id = c.id and r.user_id = s.user_id and r.kind = 'read' and ${isCounted("r", isWrittenHere.receipt)}
					order by r.up_to_seq desc limit 1
				)
			), 0) end as others_read
		) as before
	),
	sums as (
		select s.user_id, s.conversations, s."summedAt", s.total + coalesce(sum(d.new_unread), 0)::bigint as total,
			s."totalLastSeq" + coalesce(sum(d.new_messages), 0)::bigint as total_last_seq
		from usable s left join changed d on d.user_id = s.user_id
		group by s.user_id, s.conversations, s."summedAt", s.total, s."totalLastSeq"
	)
	select s.user_id as "userId", s.total, s.total_last_seq as "totalLastSeq",
		${saving("s.total", "s.total_last_seq", "s.conversations", `s."summedAt"`)} as saved
	from sums s cross join place p`,
);
