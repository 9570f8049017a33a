import { type Database, statement } from "../../mixins/database.ts";
import type { Params, Result } from "../contracts.ts";
import { sentBy } from "../conversation-sql.ts";

/** The conversations of these users that have messages by others above the delivered cursor, in the order of their ids. */
export function undelivered(db: Database, users: Params<"messages.undelivered">["users"]): Promise<Lagging[]> {
	return db.query<Lagging>(undeliveredStatement, [
		users.map(({ userId }) => userId),
		users.map(({ afterId }) => afterId ?? lowestId),
	]);
}

type Lagging = Result<"messages.undelivered">["lagging"][number];

/** Below every id. */
const lowestId = "00000000-0000-0000-0000-000000000000";

/** Conversations of one user in an answer. */
export const laggingLimit = 20;

/**
 * A delivered cursor below the newest seq is not enough: the messages above it may be the user's own. So the statement compares
 * how many messages by others there are in all and up to the cursor (docs/adr/0005). Messages of the last 1.5 s are ignored,
 * since they are still being delivered.
 */
const undeliveredStatement = statement(
	"messages.undelivered",
	`
	select wanted.user_id as "userId", lagging.conversation_id as "conversationId", lagging.delivered_seq as "deliveredSeq"
	from unnest($1::text[], $2::uuid[]) as wanted (user_id, after_id)
	cross join lateral (
		select p.conversation_id, p.delivered_seq
		from participants p
		join conversations c on c.id = p.conversation_id
		left join messages d on d.conversation_id = p.conversation_id and d.seq = p.delivered_seq
		cross join lateral (
			select m.created_at from messages m
			where m.conversation_id = p.conversation_id and m.seq > p.delivered_seq and m.sender_id <> p.user_id
			order by m.seq limit 1
		) as first
		where p.user_id = wanted.user_id and p.conversation_id > wanted.after_id and p.delivered_seq < c.last_seq
			and c.last_seq - ${sentBy("p.user_id", "c")}
				> coalesce(d.seq - ${sentBy("p.user_id", "c", "d")}, 0)
			and first.created_at < now() - interval '1500 milliseconds'
		order by p.conversation_id limit ${laggingLimit}
	) as lagging
	order by wanted.user_id, lagging.conversation_id`,
);
