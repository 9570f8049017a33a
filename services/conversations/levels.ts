import { type Database, statement } from "../../mixins/database.ts";
import type { Result } from "../contracts.ts";
import { otherParticipant, sentBy } from "../conversation-sql.ts";

/** Where each of these people stands in each conversation, in the order of the pairs. */
export async function levels(
	db: Database,
	pairs: { conversationId: string; userId: string }[],
): Promise<Result<"conversations.levels">> {
	const values = [pairs.map(({ conversationId }) => conversationId), pairs.map(({ userId }) => userId)];
	return { levels: await db.query(levelsStatement, values) };
}

/** A subquery with `limit 1` is planned by itself, by the primary key: a join of many pairs would read a whole index instead. */
const levelsStatement = statement(
	"conversations.levels",
	`
	select c.id as "conversationId", p.user_id as "userId", ${otherParticipant("p.user_id", "c")} as "otherId",
		c.job_application_id as "jobApplicationId", c.status, c.last_seq as "lastSeq", p.read_seq as "readSeq",
		p.delivered_seq as "deliveredSeq", c.last_seq - ${sentBy("p.user_id", "c")} - p.others_read as "unreadCount",
		p.muted_until as "mutedUntil"
	from unnest($1::uuid[], $2::text[]) with ordinality as w (conversation_id, user_id, place)
	cross join lateral (
		select * from participants p where p.conversation_id = w.conversation_id and p.user_id = w.user_id limit 1
	) as p
	cross join lateral (select * from conversations c where c.id = w.conversation_id limit 1) as c
	order by w.place`,
);
