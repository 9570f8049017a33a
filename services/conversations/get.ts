import { ParleyError } from "../../lib/errors.ts";
import { type Database, statement } from "../../mixins/database.ts";
import type { Calls } from "../contracts.ts";
import { type ConversationRow, selectConversations } from "./conversation-row.ts";
import type { Conversation } from "./conversations.contract.ts";
import { toConversations } from "./to-conversations.ts";

/** One conversation as the viewer sees it. NOT_FOUND when there is none. */
export async function get(db: Database, calls: Calls, conversationId: string, viewerId: string): Promise<Conversation> {
	const [conversation] = await toConversations(calls, [{ row: await getRow(db, conversationId), viewerId }]);
	return conversation as Conversation;
}

/** The conversation's row. NOT_FOUND when there is none. */
export async function getRow(db: Database, conversationId: string): Promise<ConversationRow> {
	const [row] = await db.query<ConversationRow>(getStatement, [conversationId]);
	if (!row) throw new ParleyError("NOT_FOUND");
	return row;
}

const getStatement = statement("conversations.get", `${selectConversations} where c.id = $1`);
