import { type Database, statement } from "../../mixins/database.ts";
import { setChanged } from "../conversation-sql.ts";

/**
 * Archives the conversation for both participants. False when a person had archived it already. An AUTO_ARCHIVED one becomes
 * ARCHIVED by this person.
 */
export async function archive(db: Database, conversationId: string, byId: string): Promise<boolean> {
	return (await db.query(archiveStatement, [conversationId, byId])).length > 0;
}

/** Makes an archived conversation active again. False when it was active already. */
export async function reopen(db: Database, conversationId: string): Promise<boolean> {
	return (await db.query(reopenStatement, [conversationId])).length > 0;
}

const archiveStatement = statement(
	"conversations.archive",
	`update conversations set status = 'ARCHIVED', archived_at = now(), archived_by = $2, ${setChanged}
	where id = $1 and status <> 'ARCHIVED' returning id`,
);

const reopenStatement = statement(
	"conversations.reopen",
	`update conversations set status = 'ACTIVE', archived_at = null, archived_by = null, ${setChanged}
	where id = $1 and status <> 'ACTIVE' returning id`,
);
