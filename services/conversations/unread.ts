import { type Database, statement } from "../../mixins/database.ts";

/** Of one conversation, or of all of the user's. */
export async function unreadCount(db: Database, userId: string, conversationId: string | null): Promise<number> {
	const [row] = await db.query<{ count: number }>(countStatement, [userId, conversationId]);
	return row?.count ?? 0;
}

export interface UnreadCount {
	userId: string;
	conversationId: string;
	count: number;
	/** Over all of the user's conversations. */
	total: number;
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
	`select coalesce(sum(${unread}), 0)::bigint as count
	from participants p join conversations c on c.id = p.conversation_id
	where p.user_id = $1 and ($2::uuid is null or p.conversation_id = $2)`,
);

const countsStatement = statement(
	"conversations.unreadCounts",
	`
	with wanted as (select * from unnest($1::text[], $2::uuid[]) as w (user_id, conversation_id)),
	counts as (
		select p.user_id, p.conversation_id, ${unread} as count
		from participants p join conversations c on c.id = p.conversation_id
		where p.user_id in (select user_id from wanted)
	),
	totals as (select user_id, sum(count)::bigint as total from counts group by user_id)
	select user_id as "userId", conversation_id as "conversationId", count, total
	from wanted join counts using (user_id, conversation_id) join totals using (user_id)`,
);
