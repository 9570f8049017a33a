import { type Database, statement } from "../../mixins/database.ts";
import { sentBy } from "../conversation-sql.ts";
import type { UnreadTotal } from "./unread-total.ts";
import type { UnreadTotals } from "./unread-totals.ts";

/** Unread messages of one conversation, or of all of the user's. */
export async function unreadCount(
	db: Database,
	totals: UnreadTotals,
	userId: string,
	conversationId: string | null,
): Promise<number> {
	if (conversationId === null) return (await totals.of([userId])).get(userId)?.total ?? 0;
	const [row] = await db.query<{ count: number }>(countStatement, [userId, conversationId]);
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
export async function unreadCounts(
	db: Database,
	totals: UnreadTotals,
	pairs: { userId: string; conversationId: string }[],
): Promise<UnreadCount[]> {
	const userIds = pairs.map(({ userId }) => userId);
	const conversationIds = pairs.map(({ conversationId }) => conversationId);
	const [counts, totalOf] = await Promise.all([
		db.query<Omit<UnreadCount, "total" | "totalLastSeq">>(countsStatement, [userIds, conversationIds]),
		totals.of([...new Set(userIds)]),
	]);
	return counts.map((count) => {
		const { total, totalLastSeq } = totalOf.get(count.userId) as UnreadTotal;
		return { ...count, total, totalLastSeq };
	});
}

/** Messages by others above the participant's read cursor (docs/adr/0005). */
const unread = `(c.last_seq - ${sentBy("p.user_id", "c")} - p.others_read)`;

const countStatement = statement(
	"conversations.unreadCount",
	`select ${unread} as count from participants p join conversations c on c.id = p.conversation_id
	where p.user_id = $1 and p.conversation_id = $2::uuid`,
);

export const countsStatement = statement(
	"conversations.unreadCounts",
	`select w.user_id as "userId", w.conversation_id as "conversationId", ${unread} as count, c.last_seq as "lastSeq"
	from unnest($1::text[], $2::uuid[]) as w (user_id, conversation_id)
	join participants p on p.conversation_id = w.conversation_id and p.user_id = w.user_id
	join conversations c on c.id = w.conversation_id`,
);
