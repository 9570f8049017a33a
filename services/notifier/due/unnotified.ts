import { timeOf } from "../../../lib/time-of.ts";
import { type Database, statement, type Transaction } from "../../../mixins/database.ts";

/** A person with messages of a conversation that they were not told of (migrations/20261125T0900-notifications.ts). */
export interface Unnotified {
	conversationId: string;
	userId: string;
	channel: "push" | "email";
	firstSeq: number;
	firstAt: string;
	lastSeq: number;
	lastAt: string;
	isDeferred: boolean;
	/** Until then the row is claimed by this node. If the node dies, the row is due again. */
	dueAt: string;
}

/** How long a node may take to decide about the rows that it has claimed. */
export const claimMs = 30_000;

/**
 * Adds news. A row that is there keeps its due time and learns of the newest message. Rows are written in the order of their keys, so
 * that two nodes cannot wait for each other.
 */
export async function addNews(on: Database | Transaction, news: Unnotified[]): Promise<void> {
	if (news.length === 0) return;
	await on.query(addStatement, columnsOf(news));
}

/** Rows of one person that are claimed together at most. */
const maxOfPerson = 1_000;

/**
 * Claims rows that are due: of the people whose rows are due longest, until there are `limit` rows or more. All rows of a person that
 * are due are claimed together, so that two nodes do not make two digests of them. For that, one node claims at a time.
 */
export function claimDue(db: Database, nowMs: number, limit: number): Promise<Unnotified[]> {
	return db.transaction(async (transaction) => {
		await transaction.query(claimLockStatement, []);
		return transaction.query<Unnotified>(claimDueStatement, [timeOf(nowMs), timeOf(nowMs + claimMs), limit]);
	});
}

/** Claims other rows of these people, due or not, so that they can be told in the same digest. */
export function claimOthers(
	db: Database,
	nowMs: number,
	people: { userId: string; channel: string }[],
	limit: number,
): Promise<Unnotified[]> {
	const [users, channels] = [people.map(({ userId }) => userId), people.map(({ channel }) => channel)];
	return db.query<Unnotified>(claimOthersStatement, [users, timeOf(nowMs + claimMs), channels, limit]);
}

/**
 * Deletes claimed rows. Returns those that were deleted: not one that was claimed by another node meanwhile, nor one with a newer
 * message, which is due again at once.
 */
export async function settle(transaction: Transaction, rows: Unnotified[], nowMs: number): Promise<Unnotified[]> {
	const deleted = await transaction.query<{ place: number }>(settleStatement, [
		...keysOf(rows),
		rows.map(({ lastSeq }) => lastSeq),
		timeOf(nowMs),
	]);
	const places = new Set(deleted.map(({ place }) => place));
	return rows.filter((_, i) => places.has(i + 1));
}

/** Puts claimed rows off. */
export async function putOff(
	db: Database,
	rows: (Pick<Unnotified, "conversationId" | "userId" | "channel" | "dueAt" | "isDeferred" | "firstSeq" | "firstAt"> & {
		untilMs: number;
	})[],
): Promise<void> {
	if (rows.length === 0) return;
	await db.query(putOffStatement, [
		...keysOf(rows),
		rows.map(({ untilMs }) => timeOf(untilMs)),
		rows.map(({ isDeferred }) => isDeferred),
		rows.map(({ firstSeq }) => firstSeq),
		rows.map(({ firstAt }) => firstAt),
	]);
}

/** Makes e-mails due that wait for a push, because none was accepted. Deciding looks once more whether one was. */
export async function hastenMail(db: Database, userId: string, conversationIds: string[], nowMs: number): Promise<void> {
	await db.query(hastenMailStatement, [userId, conversationIds, timeOf(nowMs)]);
}

/** Has rows looked at now: what kept their person from being told has changed. Without conversations: all of the person's. */
export async function lookAgain(db: Database, userId: string, conversationId: string | null, nowMs: number): Promise<void> {
	await db.query(lookAgainStatement, [userId, conversationId, timeOf(nowMs)]);
}

type Key = Pick<Unnotified, "conversationId" | "userId" | "channel" | "dueAt">;

const keysOf = (rows: Key[]) => [
	rows.map(({ conversationId }) => conversationId),
	rows.map(({ userId }) => userId),
	rows.map(({ channel }) => channel),
	rows.map(({ dueAt }) => dueAt),
];

const columnsOf = (news: Unnotified[]) => [
	...keysOf(news),
	news.map(({ firstSeq }) => firstSeq),
	news.map(({ firstAt }) => firstAt),
	news.map(({ lastSeq }) => lastSeq),
	news.map(({ lastAt }) => lastAt),
	news.map(({ isDeferred }) => isDeferred),
];

const columns = `u.conversation_id as "conversationId", u.user_id as "userId", u.channel, u.first_seq as "firstSeq",
	u.first_at as "firstAt", u.last_seq as "lastSeq", u.last_at as "lastAt", u.is_deferred as "isDeferred", u.due_at as "dueAt"`;

const addStatement = statement(
	"unnotified.add",
	`insert into unnotified as u (conversation_id, user_id, channel, due_at, first_seq, first_at, last_seq, last_at,
		is_deferred)
	select * from unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::bigint[], $6::timestamptz[], $7::bigint[],
		$8::timestamptz[], $9::boolean[])
	order by 1, 2, 3
	on conflict (conversation_id, user_id, channel) do update set last_seq = excluded.last_seq, last_at = excluded.last_at
		where u.last_seq < excluded.last_seq`,
);

/** Rows are found by their place in the table (ctid), which their lock keeps: a join would be planned for any number of rows. */
const claim = (wanted: string) => `
	update unnotified u set due_at = $2::timestamptz
	where u.ctid = any (array(${wanted} skip locked)) returning ${columns}`;

/** A statement of its own: the next one then sees what the node that had the lock has claimed. */
const claimLockStatement = statement(
	"unnotified.claimLock",
	"select pg_advisory_xact_lock(hashtextextended('notifier.claimDue', 0))",
);

/** The people's other rows are looked for only when there are more due rows than may be claimed: otherwise all are found already. */
export const claimDueStatement = statement(
	"unnotified.claimDue",
	`with due as materialized (
		select ctid as place, user_id, channel from unnotified where due_at <= $1::timestamptz order by due_at limit $3
	) ${claim(`select ctid from unnotified where ctid = any (case
			when (select count(*) from due) < $3 then array(select place from due)
			else array(
				select own.ctid
				from (select distinct user_id, channel from due) person
				cross join lateral (
					select o.ctid from unnotified o
					where o.user_id = person.user_id and o.channel = person.channel and o.due_at <= $1::timestamptz
					order by o.due_at limit ${maxOfPerson}
				) own
				order by person.user_id, person.channel fetch first $3 rows with ties
			)
		end) and due_at <= $1::timestamptz for update`)}`,
);

/**
 * Rows that are due at $2 were claimed together with the digest's own, and are decided already. One that another node has claimed is
 * taken from it: otherwise a row that is due soon, which looks the same, would get a digest of its own. What the other node decides is
 * then ignored.
 */
const claimOthersStatement = statement(
	"unnotified.claimOthers",
	claim(`select o.ctid from unnest($1::text[], $3::text[]) as person (user_id, channel)
		join unnotified o on o.user_id = person.user_id and o.channel = person.channel
		where o.is_deferred and o.due_at <> $2::timestamptz
		order by o.due_at limit $4 for update of o`),
);

const claimed = `unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[]`;
const isClaimed = `u.conversation_id = c.conversation_id and u.user_id = c.user_id and u.channel = c.channel and u.due_at = c.due_at`;

const settleStatement = statement(
	"unnotified.settle",
	`with c as materialized (
		select * from ${claimed}, $5::bigint[])
		with ordinality as c (conversation_id, user_id, channel, due_at, last_seq, place) order by 1, 2, 3
	),
	grown as (
		update unnotified u set due_at = $6::timestamptz from c where ${isClaimed} and u.last_seq > c.last_seq
	)
	delete from unnotified u using c where ${isClaimed} and u.last_seq <= c.last_seq
	returning c.place::int`,
);

const putOffStatement = statement(
	"unnotified.putOff",
	`update unnotified u
	set due_at = c.until, is_deferred = c.is_deferred, first_seq = c.first_seq, first_at = c.first_at
	from ${claimed}, $5::timestamptz[], $6::boolean[], $7::bigint[], $8::timestamptz[])
		as c (conversation_id, user_id, channel, due_at, until, is_deferred, first_seq, first_at)
	where ${isClaimed}`,
);

const hastenMailStatement = statement(
	"unnotified.hastenMail",
	`update unnotified set due_at = $3::timestamptz
	where user_id = $1 and conversation_id = any ($2::uuid[]) and channel = 'email' and due_at > $3::timestamptz`,
);

const lookAgainStatement = statement(
	"unnotified.lookAgain",
	`update unnotified set due_at = $3::timestamptz
	where user_id = $1 and ($2::uuid is null or conversation_id = $2::uuid) and due_at > $3::timestamptz`,
);
