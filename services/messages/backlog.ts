import { type Database, statement } from "../../mixins/database.ts";
import type { Params } from "../contracts.ts";
import { type MessageRow, messageColumns, type ToMessages } from "./message-row.ts";
import type { Message } from "./messages.contract.ts";

/** The messages to a user above these cursors: one conversation after the other, in order, as many as a page holds. */
export async function backlog(
	db: Database,
	toMessages: ToMessages,
	{ userId, cursors }: Params<"messages.backlog">,
): Promise<Message[]> {
	const conversationIds = cursors.map(({ conversationId }) => conversationId);
	const deliveredSeqs = cursors.map(({ deliveredSeq }) => deliveredSeq);
	return toMessages(await db.query<MessageRow>(backlogStatement, [userId, conversationIds, deliveredSeqs]));
}

/** Messages of one conversation, and messages in all. */
const [conversationLimit, pageLimit] = [100, 200];

/**
 * Bytes of text on a page. The first message is always on it. The JSON of a page contains each text also as HTML, and is about
 * three times as long.
 */
const maxTextBytes = 96 * 1024;

const backlogStatement = statement(
	"messages.backlog",
	`
	with wanted as (
		select w.ord, m.conversation_id, m.seq
		from unnest($2::uuid[], $3::bigint[]) with ordinality as w (conversation_id, delivered_seq, ord)
		cross join lateral (
			select conversation_id, seq from messages
			where conversation_id = w.conversation_id and seq > w.delivered_seq and sender_id <> $1
			order by seq limit ${conversationLimit}
		) m
		order by w.ord, m.seq limit ${pageLimit}
	),
	sized as (
		select wanted.*, sum(coalesce(octet_length(m.content), 0)) over (order by wanted.ord, wanted.seq) - coalesce(octet_length(m.content), 0) as bytes_before
		from wanted join messages m using (conversation_id, seq)
	)
	select ${messageColumns}
	from sized
	join messages m using (conversation_id, seq)
	join conversations c on c.id = m.conversation_id
	where sized.bytes_before < ${maxTextBytes}
	order by sized.ord, m.seq`,
);
