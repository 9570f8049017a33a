import { type Database, statement } from "../../mixins/database.ts";
import { type MessageRow, messageColumns } from "./message-row.ts";

/**
 * The messages at these positions, in their order. Positions without a message are left out. Returns only the first messages that
 * may fit into `maxBytes` of JSON, and at least one. JSON contains each text twice, as text and as HTML.
 */
export function pick(
	db: Database,
	positions: { conversationId: string; seq: number }[],
	maxBytes = Number.MAX_SAFE_INTEGER,
): Promise<MessageRow[]> {
	return db.query<MessageRow>(pickStatement, [
		positions.map(({ conversationId }) => conversationId),
		positions.map(({ seq }) => seq),
		maxBytes,
	]);
}

const pickStatement = statement(
	"messages.pick",
	`
	select ${messageColumns}
	from (
		select m.*, wanted.place, sum(2 * coalesce(octet_length(m.content), 0)) over (
			order by wanted.place rows between unbounded preceding and 1 preceding
		) as size_before
		from unnest($1::uuid[], $2::bigint[]) with ordinality as wanted (conversation_id, seq, place)
		join messages m on m.conversation_id = wanted.conversation_id and m.seq = wanted.seq
	) as m
	join conversations c on c.id = m.conversation_id
	where coalesce(m.size_before, 0) < $3::bigint
	order by m.place`,
);
