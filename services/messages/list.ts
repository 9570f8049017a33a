import { fitting, pageBytes } from "../../lib/byte-budget.ts";
import { type Database, statement } from "../../mixins/database.ts";
import type { Params, Result } from "../contracts.ts";
import { type MessageRow, selectMessages, type ToMessages } from "./message-row.ts";

/** Above every seq. */
const noEnd = Number.MAX_SAFE_INTEGER;

/** A page of history by keyset: its cost does not depend on the conversation's length. It is shorter when messages are large. */
export async function list(
	db: Database,
	toMessages: ToMessages,
	params: Params<"messages.list">,
): Promise<Result<"messages.list">> {
	const { conversationId, after, before = noEnd, limit } = params;
	const rows = await db.query<MessageRow>(after === undefined ? newestFirst : ascending, [
		conversationId,
		after ?? 0,
		before,
		limit + 1,
	]);
	const messages = await toMessages(rows.slice(0, limit));
	const items = messages.slice(0, fitting(messages, pageBytes));
	return { items, hasMore: rows.length > items.length };
}

const page = `${selectMessages} where m.conversation_id = $1 and m.seq > $2 and m.seq < $3 order by m.seq`;
const newestFirst = statement("messages.list.newestFirst", `${page} desc limit $4`);
const ascending = statement("messages.list.ascending", `${page} limit $4`);
