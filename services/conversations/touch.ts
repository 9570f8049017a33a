import { type Database, statement } from "../../mixins/database.ts";
import { type ConversationRow, selectConversations } from "./conversation-row.ts";

/**
 * What every change of a conversation sets, so that `sync` tells it. Of two changes the later one has the later time, by
 * which clients know which of two announcements is newer.
 */
export const touched =
	"updated_at = greatest(clock_timestamp(), updated_at + interval '1 ms'), changed_xid = pg_current_xact_id()";

/** Conversations are told again, since something in them that is another service's has changed. Gives them as they are now. */
export async function touch(db: Database, ids: string[]): Promise<ConversationRow[]> {
	await db.query(touchStatement, [ids]);
	return db.query<ConversationRow>(rowsStatement, [ids]);
}

/** Locked in the order of their ids, as by who appends messages: two that wait for each other would be a deadlock. */
const touchStatement = statement(
	"conversations.touch",
	`
	with locked as materialized (select id from conversations where id = any ($1::uuid[]) order by id for no key update)
	update conversations set ${touched} where id in (select id from locked)`,
);

const rowsStatement = statement("conversations.rows", `${selectConversations} where c.id = any ($1::uuid[])`);
