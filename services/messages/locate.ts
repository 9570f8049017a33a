import { ParleyError } from "../../lib/errors.ts";
import { type Database, statement } from "../../mixins/database.ts";
import type { Result } from "../contracts.ts";

/** The conversation and the seq of a message. NOT_FOUND when there is none. */
export async function locate(db: Database, messageId: string): Promise<Result<"messages.locate">> {
	const [position] = await db.query<Result<"messages.locate">>(locateStatement, [messageId]);
	if (!position) throw new ParleyError("NOT_FOUND");
	return position;
}

const locateStatement = statement(
	"messages.locate",
	`select conversation_id as "conversationId", seq from messages where id = $1`,
);
