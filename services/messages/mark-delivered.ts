import { type Database, statement } from "../../mixins/database.ts";
import { otherParticipant } from "../conversation-sql.ts";

/** A participant's delivered cursor moved. */
export interface Delivery {
	conversationId: string;
	userId: string;
	/** The other participant, who is informed. */
	otherId: string;
	seq: number;
	at: string;
}

/**
 * Moves delivered cursors forward, writes the receipts, and returns the cursors that moved. An acknowledgement above the
 * conversation's head moves the cursor to the head. Acknowledgements of users who are not participants are ignored.
 */
export function markDelivered(
	db: Database,
	acks: { conversationId: string; userId: string; seq: number }[],
): Promise<Delivery[]> {
	return db.query<Delivery>(markDeliveredStatement, [
		acks.map(({ conversationId }) => conversationId),
		acks.map(({ userId }) => userId),
		acks.map(({ seq }) => seq),
	]);
}

const markDeliveredStatement = statement(
	"messages.markDelivered",
	`
	with acked as (
		select conversation_id, user_id, max(seq) as seq
		from unnest($1::uuid[], $2::text[], $3::bigint[]) as a (conversation_id, user_id, seq)
		group by conversation_id, user_id
	),
	moving as materialized (
		select p.conversation_id, p.user_id, least(a.seq, c.last_seq) as seq,
			${otherParticipant("p.user_id", "c")} as other_id
		from acked a
		join conversations c on c.id = a.conversation_id
		join participants p on p.conversation_id = a.conversation_id and p.user_id = a.user_id
		where p.delivered_seq < least(a.seq, c.last_seq)
		order by p.conversation_id, p.user_id for no key update of p
	),
	moved as (
		update participants p set delivered_seq = m.seq, changed_xid = pg_current_xact_id() from moving m
		where p.conversation_id = m.conversation_id and p.user_id = m.user_id
	),
	noted as (
		insert into receipts (conversation_id, user_id, kind, up_to_seq, at)
		select conversation_id, user_id, 'delivered', seq, now() from moving
	)
	select conversation_id as "conversationId", user_id as "userId", other_id as "otherId", seq, now()::timestamptz(3) as at from moving`,
);
