import { ParleyError } from "../../lib/errors.ts";
import { type Database, statement } from "../../mixins/database.ts";
import { otherParticipant, sentBy } from "../conversation-sql.ts";

/** A reader's cursors after reading, and which of them moved. */
export interface Reading {
	readSeq: number;
	unreadCount: number;
	otherId: string;
	/** Null when the read cursor did not move. */
	readAt: string | null;
	/** Reading is also a delivery when no device acknowledged the messages before. Null when the delivered cursor did not move. */
	deliveredAt: string | null;
}

/**
 * Moves the reader's cursor forward to `seq` (null: to the newest message) and writes the receipt. The participant's row is locked
 * first, so that two devices that read at the same time see each other's change. NOT_FOUND.
 */
export async function markRead(db: Database, conversationId: string, userId: string, seq: number | null): Promise<Reading> {
	const [reading] = await db.query<Reading>(markReadStatement, [conversationId, userId, seq]);
	if (!reading) throw new ParleyError("NOT_FOUND");
	return reading;
}

const markReadStatement = statement(
	"messages.markRead",
	`
	with mine as materialized (
		select conversation_id, user_id, read_seq, others_read, delivered_seq
		from participants where conversation_id = $1 and user_id = $2 for no key update
	),
	head as (
		select least(coalesce($3::bigint, last_seq), last_seq) as seq,
			${otherParticipant("$2", "conversations")} as other_id,
			last_seq - ${sentBy("$2", "conversations")} as others_sent
		from conversations where id = $1
	),
	target as (
		select m.seq, m.seq - ${sentBy("$2", "c", "m")} as others_read
		from mine, head, messages m, conversations c
		where m.conversation_id = $1 and m.seq = head.seq and m.seq > mine.read_seq and c.id = $1
	),
	moved as (
		update participants p
		set read_seq = t.seq, others_read = t.others_read, delivered_seq = greatest(p.delivered_seq, t.seq),
			changed_xid = pg_current_xact_id()
		from target t where p.conversation_id = $1 and p.user_id = $2
	),
	noted as (
		insert into receipts (conversation_id, user_id, kind, up_to_seq, at)
		select $1, $2, kind, t.seq, now() from target t, mine, (values ('read'), ('delivered')) as kinds (kind)
		where kind = 'read' or mine.delivered_seq < t.seq
	)
	select coalesce(t.seq, mine.read_seq) as "readSeq",
		greatest(head.others_sent - coalesce(t.others_read, mine.others_read), 0) as "unreadCount",
		head.other_id as "otherId",
		case when t.seq is not null then now()::timestamptz(3) end as "readAt",
		case when mine.delivered_seq < t.seq then now()::timestamptz(3) end as "deliveredAt"
	from mine cross join head left join target t on true`,
);
