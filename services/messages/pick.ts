import { type Database, statement } from "../../mixins/database.ts";
import { type MessageRow, selectMessages } from "./message-row.ts";

/** The messages at these places, in no order; places where there is none are left out. */
export function pick(db: Database, positions: { conversationId: string; seq: number }[]): Promise<MessageRow[]> {
	return db.query<MessageRow>(pickStatement, [
		positions.map(({ conversationId }) => conversationId),
		positions.map(({ seq }) => seq),
	]);
}

const pickStatement = statement(
	"messages.pick",
	`${selectMessages}
	join unnest($1::uuid[], $2::bigint[]) as wanted (conversation_id, seq) on wanted.conversation_id = m.conversation_id and wanted.seq = m.seq`,
);
