import { type Database, statement } from "../../mixins/database.ts";
import { setChanged } from "../conversation-sql.ts";
import { type ConversationRow, selectConversations } from "./conversation-row.ts";

/** Marks conversations as changed, because data of another service that they show has changed. Returns their rows. */
export async function markChanged(db: Database, ids: string[]): Promise<ConversationRow[]> {
	await db.query(markChangedStatement, [ids]);
	return db.query<ConversationRow>(rowsStatement, [ids]);
}

/** Locks the rows in the order of their ids, as the statement that appends messages does: another order could deadlock. */
const markChangedStatement = statement(
	"conversations.touch",
	`
	with locked as materialized (select id from conversations where id = any ($1::uuid[]) order by id for no key update)
	update conversations set ${setChanged} where id in (select id from locked)`,
);

const rowsStatement = statement("conversations.rows", `${selectConversations} where c.id = any ($1::uuid[])`);
