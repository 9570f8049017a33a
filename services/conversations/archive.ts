import { type Database, statement } from "../../mixins/database.ts";
import { touched } from "./touch.ts";

/** For both participants. False when it was archived by a person already; one that was archived by itself becomes theirs. */
export async function archive(db: Database, conversationId: string, byId: string): Promise<boolean> {
	return (await db.query(archiveStatement, [conversationId, byId])).length > 0;
}

/** False when it was active already. */
export async function reopen(db: Database, conversationId: string): Promise<boolean> {
	return (await db.query(reopenStatement, [conversationId])).length > 0;
}

const archiveStatement = statement(
	"conversations.archive",
	`update conversations set status = 'ARCHIVED', archived_at = now(), archived_by = $2, ${touched}
	where id = $1 and status <> 'ARCHIVED' returning id`,
);

const reopenStatement = statement(
	"conversations.reopen",
	`update conversations set status = 'ACTIVE', archived_at = null, archived_by = null, ${touched}
	where id = $1 and status <> 'ACTIVE' returning id`,
);
