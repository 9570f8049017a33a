import { type Database, statement } from "../../mixins/database.ts";
import { type MessageRow, messageColumns, type ToMessages } from "./message-row.ts";
import type { Message } from "./messages.contract.ts";

/** Messages that others wrote to these users above their delivered cursors, in order, a page of them for each conversation. */
export async function undelivered(
	db: Database,
	toMessages: ToMessages,
	userIds: string[],
): Promise<{ recipientId: string; message: Message }[]> {
	const rows = await db.query<Undelivered>(undeliveredStatement, [userIds]);
	const messages = await toMessages(rows);
	return messages.map((message, i) => ({ recipientId: (rows[i] as Undelivered).recipient_id, message }));
}

interface Undelivered extends MessageRow {
	recipient_id: string;
}

/**
 * A cursor below the head alone says little: the rest may be the user's own messages. How many of the others' there are up to
 * the cursor, the message at the cursor knows (see the first migration).
 */
const undeliveredStatement = statement(
	"messages.undelivered",
	`
	select ${messageColumns}, p.user_id as recipient_id
	from participants p
	join conversations c on c.id = p.conversation_id
	left join messages d on d.conversation_id = p.conversation_id and d.seq = p.delivered_seq
	cross join lateral (
		select * from messages m
		where m.conversation_id = p.conversation_id and m.seq > p.delivered_seq and m.sender_id <> p.user_id
		order by m.seq limit 50
	) m
	where p.user_id = any ($1) and p.delivered_seq < c.last_seq and c.last_message_at < now() - interval '1500 milliseconds'
		and c.last_seq - case p.user_id when c.user1_id then c.user1_sent else c.user2_sent end
			> coalesce(d.seq - case p.user_id when c.user1_id then d.user1_sent else d.user2_sent end, 0)
	order by m.conversation_id, m.seq
	limit 1000`,
);
