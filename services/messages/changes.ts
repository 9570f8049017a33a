import { fitting } from "../../lib/byte-budget.ts";
import { changedSince } from "../../lib/changed-since.ts";
import { type Database, statement } from "../../mixins/database.ts";
import type { Params, Result } from "../contracts.ts";
import { type MessageRow, messageColumns, type ToMessages } from "./message-row.ts";

/** With more changed messages than this, it is cheaper for server and client to start afresh. */
const changedLimit = 500;

/**
 * The messages that a reader with the cursor `sinceXid` may not have, as many as fit into `maxBytes`. Seqs are committed in order,
 * so the unseen messages of a conversation are its newest ones, without a gap. The statement reads only these.
 *
 * When not all fit, this order decides which are left out, from the end:
 *
 * 1. The newest unseen message of each conversation. It is never left out; the reader can load the older ones.
 * 2. Older messages that changed. The reader cannot know of them otherwise, so without one of them `isComplete` is false.
 * 3. The second newest unseen message of each conversation, the third newest, and so on.
 */
export async function changes(
	db: Database,
	toMessages: ToMessages,
	params: Params<"messages.changes">,
): Promise<Result<"messages.changes">> {
	const { conversationIds, sinceXid, limit, maxBytes } = params;
	const rows = await db.query<ChangesRow>(changesStatement, [conversationIds, sinceXid, limit, maxBytes, changedLimit + 1]);
	const messages = await toMessages(rows);
	const newest = rows.filter(({ priority }) => priority === 1).length;
	const included = rows
		.slice(0, fitting(messages, maxBytes, Math.max(newest, 1)))
		.map((row, i) => ({ row, message: messages[i] }));
	const changedCount = rows[0]?.changed_count ?? 0;
	const isComplete = changedCount <= changedLimit && included.filter(({ row }) => row.priority === 2).length === changedCount;

	const conversations = conversationIds.map((conversationId) => {
		const mine = included.filter(({ row }) => row.conversation_id === conversationId).sort((a, b) => a.row.seq - b.row.seq);
		const unseen = mine.filter(({ row }) => row.priority !== 2);
		const hasMore = (unseen[0]?.row.unseen_count ?? 0) > unseen.length;
		return { conversationId, messages: mine.flatMap(({ message }) => message ?? []), hasMore };
	});
	return { conversations, isComplete };
}

interface ChangesRow extends MessageRow {
	/** The number in the list above. */
	priority: 1 | 2 | 3;
	/** Unseen messages of the conversation, at most `limit` + 1. */
	unseen_count: number;
	/** Changed messages of all conversations, at most `changedLimit` + 1. */
	changed_count: number;
}

/** `size_before` counts fewer bytes than the JSON has. So a message that the statement leaves out would not have fitted. */
const changesStatement = statement(
	"messages.changes",
	`
	with wanted as (
		select w.*, c.user1_id, c.user2_id
		from unnest($1::uuid[]) with ordinality as w (conversation_id, place) join conversations c on c.id = w.conversation_id
	),
	unseen as (
		select m.*, wanted.place, wanted.user1_id, wanted.user2_id,
			row_number() over (partition by m.conversation_id order by m.seq desc) as rank,
			count(*) over (partition by m.conversation_id) as unseen_count
		from wanted cross join lateral (
			select * from messages where conversation_id = wanted.conversation_id order by seq desc limit $3 + 1
		) as m
		where $2::xid8 is null or ${changedSince("m.created_xid", "$2")}
	),
	changed as materialized (
		select m.*, wanted.place, wanted.user1_id, wanted.user2_id, 0 as rank, 0 as unseen_count
		from wanted join messages m on m.conversation_id = wanted.conversation_id
			and ${changedSince("m.changed_xid", "$2")} and not ${changedSince("m.created_xid", "$2")}
		limit $5
	),
	candidates as (
		select *, case rank when 1 then 1 else 3 end as priority from unseen where rank <= $3
		union all
		select *, 2 as priority from changed
	)
	select ${messageColumns}, m.priority, m.unseen_count, (select count(*) from changed) as changed_count
	from (
		select *, sum(2 * coalesce(octet_length(content), 0)) over (
			order by priority, rank, place, seq desc rows between unbounded preceding and 1 preceding
		) as size_before
		from candidates
	) as m
	cross join lateral (select m.user1_id, m.user2_id) as c
	where m.priority = 1 or coalesce(m.size_before, 0) < $4
	order by m.priority, m.rank, m.place, m.seq desc`,
);
