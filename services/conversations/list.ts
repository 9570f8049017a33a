import { z } from "zod";
import { decodeCursor, encodeCursor } from "../../lib/cursor.ts";
import { Time } from "../../lib/schemas.ts";
import { type Database, statement } from "../../mixins/database.ts";
import type { Calls, Params, Result } from "../contracts.ts";
import { type ConversationRow, selectConversations } from "./conversation-row.ts";
import { findByName } from "./find-by-name.ts";
import { toConversations } from "./to-conversations.ts";

/**
 * A page of the viewer's conversations, the one with the newest message first. A conversation without messages is sorted by its
 * creation. A page is shorter than `limit` when last messages are large.
 */
export async function list(
	db: Database,
	calls: Calls,
	viewerId: string,
	{ status, q, limit, cursor }: Params<"conversations.list">,
): Promise<Result<"conversations.list">> {
	const [activeAt, id] = cursor === undefined ? [null, null] : decodeCursor(cursor, ListCursor);
	const named = q === undefined ? null : await findByName(db, calls, viewerId, q);
	const rows = await db.query<ConversationRow>(listStatement, [viewerId, statuses[status], activeAt, id, limit + 1, named]);
	const page = rows.slice(0, limit).map((row) => ({ row, viewerId }));
	const items = await toConversations(calls, page);
	const last = rows[items.length - 1];
	return {
		items,
		nextCursor: last && rows.length > items.length ? encodeCursor([last.last_message_at ?? last.created_at, last.id]) : null,
	};
}

/** Where a page ended: when the last conversation was active, and its id. */
const ListCursor = z.tuple([Time, z.guid()]);

const statuses = {
	ACTIVE: ["ACTIVE"],
	ARCHIVED: ["ARCHIVED", "AUTO_ARCHIVED"],
	AUTO_ARCHIVED: ["AUTO_ARCHIVED"],
	ALL: ["ACTIVE", "ARCHIVED", "AUTO_ARCHIVED"],
};

/** The inner select decides which conversations are on the page, so that participants are read for these only. */
export const listStatement = statement(
	"conversations.list",
	`${selectConversations}
	where c.id = any (array(
		select c.id from conversations c
		where (c.user1_id = $1 and c.status = any ($2) or c.user2_id = $1 and c.status = any ($2))
			and ($3::timestamptz is null or (coalesce(c.last_message_at, c.created_at), c.id) < ($3, $4::uuid))
			and ($6::uuid[] is null or c.id = any ($6))
		order by coalesce(c.last_message_at, c.created_at) desc, c.id desc limit $5
	))
	order by coalesce(c.last_message_at, c.created_at) desc, c.id desc`,
);
