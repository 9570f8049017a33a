import { type Database, statement } from "../../mixins/database.ts";
import { sentBy } from "../conversation-sql.ts";

/** Unread messages of one conversation, or of all of the user's. */
export async function unreadCount(db: Database, userId: string, conversationId: string | null): Promise<number> {
	const [row] = await (conversationId === null
		? db.query<{ count: number }>(totalStatement, [userId])
		: db.query<{ count: number }>(countStatement, [userId, conversationId]));
	return row?.count ?? 0;
}

/**
 * Counts from different nodes may arrive in another order than they were made. The one with the higher `lastSeq` is newer. If
 * `lastSeq` is the same, the user has read in between, and the lower count is newer. The same holds for `total` and `totalLastSeq`.
 */
export interface UnreadCount {
	userId: string;
	conversationId: string;
	count: number;
	/** Seq of the conversation's newest message when it was counted. */
	lastSeq: number;
	/** Over all of the user's conversations. */
	total: number;
	/** The sum of the newest seqs of all of them. */
	totalLastSeq: number;
}

/** The counts of many users at once, to be announced. */
export function unreadCounts(db: Database, pairs: { userId: string; conversationId: string }[]): Promise<UnreadCount[]> {
	return db.query<UnreadCount>(countsStatement, [
		pairs.map(({ userId }) => userId),
		pairs.map(({ conversationId }) => conversationId),
	]);
}

/** Messages by others above the participant's read cursor (docs/adr/0005). */
const unread = `(c.last_seq - ${sentBy("p.user_id", "c")} - p.others_read)`;

const countStatement = statement(
	"conversations.unreadCount",
	`select ${unread} as count from participants p join conversations c on c.id = p.conversation_id
	where p.user_id = $1 and p.conversation_id = $2::uuid`,
);

/**
 * Messages that others wrote to the user, less those that the user has read: two sums, each over rows that an index finds by the
 * user. A join of the two tables would look up each conversation by itself.
 */
const totalOf = (userId: string) => `(
	select coalesce(sum(mine.last_seq - mine.sent), 0)::bigint
			- (select coalesce(sum(p.others_read), 0)::bigint from participants p where p.user_id = ${userId}) as total,
		coalesce(sum(mine.last_seq), 0)::bigint as total_last_seq
	from (
		select last_seq, user1_sent as sent from conversations where user1_id = ${userId}
		union all
		select last_seq, user2_sent from conversations where user2_id = ${userId}
	) as mine
)`;

export const totalStatement = statement("conversations.unreadTotal", `select total as count from ${totalOf("$1")} as totals`);

export const countsStatement = statement(
	"conversations.unreadCounts",
	`
	with wanted as (select * from unnest($1::text[], $2::uuid[]) as w (user_id, conversation_id)),
	totals as (
		select people.user_id, totals.* from (select distinct user_id from wanted) as people
		cross join lateral ${totalOf("people.user_id")} as totals
	)
	select w.user_id as "userId", w.conversation_id as "conversationId", ${unread} as count, c.last_seq as "lastSeq",
		t.total, t.total_last_seq as "totalLastSeq"
	from wanted w
	join participants p on p.conversation_id = w.conversation_id and p.user_id = w.user_id
	join conversations c on c.id = w.conversation_id
	join totals t on t.user_id = w.user_id`,
);
