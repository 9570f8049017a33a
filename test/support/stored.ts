import { type Database, statement } from "../../mixins/database.ts";

/** A message as its row has it. */
export interface StoredMessage {
	id: string;
	seq: number;
	senderId: string;
	clientId: string;
	content: string;
	createdAt: string;
	user1Sent: number;
	user2Sent: number;
}

/** What is really in the database of a conversation, in order. */
export function storedMessages(db: Database, conversationId: string): Promise<StoredMessage[]> {
	return db.query<StoredMessage>(storedStatement, [conversationId]);
}

/** Messages by others above the reader's cursor, counted row by row. */
export async function countUnread(db: Database, conversationId: string, userId: string): Promise<number> {
	const [row] = await db.query<{ count: number }>(unreadStatement, [conversationId, userId]);
	return row?.count ?? 0;
}

const storedStatement = statement(
	"test.stored",
	`select id, seq, sender_id as "senderId", client_id as "clientId", content, created_at as "createdAt",
		user1_sent as "user1Sent", user2_sent as "user2Sent"
	from messages where conversation_id = $1 order by seq`,
);

const unreadStatement = statement(
	"test.unread",
	`select count(*) from messages m join participants p using (conversation_id)
	where m.conversation_id = $1 and p.user_id = $2 and m.sender_id <> p.user_id and m.seq > p.read_seq`,
);
