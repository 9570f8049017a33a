import { type Database, statement } from "../../mixins/database.ts";

/** Of one conversation, or of all of the user's. */
export async function unreadCount(db: Database, userId: string, conversationId: string | null): Promise<number> {
	const [row] = await (conversationId === null
		? db.query<{ count: number }>(totalStatement, [userId])
		: db.query<{ count: number }>(countStatement, [userId, conversationId]));
	return row?.count ?? 0;
}

/**
 * Counts of different nodes may overtake each other on their way. Of two that with the higher `lastSeq` is newer; where it is
 * the same, the reader has read on, and the lower count is newer. So it is with `total` and `totalLastSeq`.
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

/** Many users' counts at once, for announcing them. */
export function unreadCounts(db: Database, pairs: { userId: string; conversationId: string }[]): Promise<UnreadCount[]> {
	return db.query<UnreadCount>(countsStatement, [
		pairs.map(({ userId }) => userId),
		pairs.map(({ conversationId }) => conversationId),
	]);
}

/** Messages by others above the participant's read cursor: see the migration. */
const unread = "(c.last_seq - case p.user_id when c.user1_id then c.user1_sent else c.user2_sent end - p.others_read)";

const countStatement = statement(
	"conversations.unreadCount",
	`select ${unread} as count from participants p join conversations c on c.id = p.conversation_id
	where p.user_id = $1 and p.conversation_id = $2::uuid`,
);

/**
 * What others wrote to the user, less what the user has read of it: two sums, each over rows that are found by the user. To
 * join the two tables would look each conversation up by itself.
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
