import type { Params, Result } from "../../lib/contracts.ts";
import { type Database, statement } from "../../mixins/database.ts";
import { type MessageRow, messageColumns, type ToMessages } from "./message-row.ts";

/**
 * What a reader with the cursor `sinceXid` may not have. Unseen messages are the top of a conversation without a gap, since seqs
 * are committed in order: it is enough to look at the newest. `hasMore` says that the oldest of those is unseen too, so that
 * there may be others below it.
 */
export async function changes(
	db: Database,
	toMessages: ToMessages,
	params: Params<"messages.changes">,
): Promise<Result<"messages.changes">> {
	const { conversationIds, sinceXid, limit } = params;
	const rows = await db.query<MessageRow & { is_new: boolean }>(changesStatement, [conversationIds, sinceXid, limit + 1]);
	const told = conversationIds.map((conversationId) => {
		const mine = rows.filter((row) => row.conversation_id === conversationId);
		const unseen = mine.filter((row) => row.is_new);
		const hasMore = unseen.length > limit;
		return { conversationId, rows: hasMore ? mine.filter((row) => row !== unseen[0]) : mine, hasMore };
	});
	const messages = await toMessages(told.flatMap((one) => one.rows));
	return told.map(({ conversationId, rows: { length }, hasMore }) => ({
		conversationId,
		messages: messages.splice(0, length),
		hasMore,
	}));
}

const changesStatement = statement(
	"messages.changes",
	`
	select ${messageColumns}, m.is_new
	from unnest($1::uuid[]) as wanted (conversation_id)
	join conversations c on c.id = wanted.conversation_id
	cross join lateral (
		select newest.*, true as is_new from (
			select * from messages where conversation_id = wanted.conversation_id order by seq desc limit $3
		) as newest
		where $2::xid8 is null or newest.created_xid >= $2::xid8
		union all
		(
			select changed.*, false as is_new from messages changed
			where changed.conversation_id = wanted.conversation_id and changed.changed_xid >= $2::xid8 and changed.created_xid < $2::xid8
			order by changed.seq desc limit 500
		)
	) m
	order by m.conversation_id, m.seq`,
);
