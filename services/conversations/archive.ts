import { type Database, statement } from "../../mixins/database.ts";

/** For both participants. False when it was archived by a person already; one that was archived by itself becomes theirs. */
export async function archive(db: Database, conversationId: string, byId: string): Promise<boolean> {
	return (await db.query(archiveStatement, [conversationId, byId])).length > 0;
}

/** False when it was active already. */
export async function reopen(db: Database, conversationId: string): Promise<boolean> {
	return (await db.query(reopenStatement, [conversationId])).length > 0;
}

/** Of two changes the later one has the later time, so that clients know which of two announcements is newer. */
const later = "greatest(clock_timestamp(), updated_at + interval '1 ms')";

const archiveStatement = statement(
	"conversations.archive",
	`update conversations set status = 'ARCHIVED', archived_at = now(), archived_by = $2, updated_at = ${later}, changed_xid = pg_current_xact_id()
	where id = $1 and status <> 'ARCHIVED' returning id`,
);

const reopenStatement = statement(
	"conversations.reopen",
	`update conversations set status = 'ACTIVE', archived_at = null, archived_by = null, updated_at = ${later}, changed_xid = pg_current_xact_id()
	where id = $1 and status <> 'ACTIVE' returning id`,
);
