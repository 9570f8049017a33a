import { type Database, statement } from "../../mixins/database.ts";

/** Stops this participant's notifications until a time; null starts them again. */
export async function mute(db: Database, conversationId: string, userId: string, until: string | null): Promise<void> {
	await db.query(muteStatement, [conversationId, userId, until]);
}

const muteStatement = statement(
	"conversations.mute",
	"update participants set muted_until = $3, changed_xid = pg_current_xact_id() where conversation_id = $1 and user_id = $2",
);
