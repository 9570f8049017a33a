import type { ErrorCode } from "../../lib/errors.ts";
import { type Statement, statement } from "../../mixins/database.ts";
import { otherParticipant } from "../conversation-sql.ts";

/** What the statement returns for each draft, in their order. */
export interface AppendedRow {
	outcome:
		| "created"
		| "stored"
		| "locked"
		| "bad reply"
		| "image used"
		| "claim over"
		| Extract<ErrorCode, "NOT_FOUND" | "CONVERSATION_ARCHIVED">;
	seq: number;
	created_at: string;
	recipient_id: string;
	reopened: boolean;
}

/** Most batches have no image. Their statement leaves out what only images need. */
export interface AppendStatements {
	textsOnly: AppendPair;
	withImages: AppendPair;
}

/** The two statements for one batch. */
export interface AppendPair {
	/** Expects that no clientId is stored yet; a unique violation when one is. */
	appendNew: Statement;
	/** Looks each clientId up first. */
	appendOrFind: Statement;
}

/** Leave out the conversations that another transaction has locked; their drafts come out as `locked`. */
export const skipsLocked = statementsOf("messages.append", { waits: false });

/** Wait for locked conversations, as long as the database lets a statement wait for a lock. */
export const waitsForLocks = statementsOf("messages.appendWaiting", { waits: true });

function statementsOf(name: string, { waits }: { waits: boolean }): AppendStatements {
	const pair = (suffix: string, hasImages: boolean): AppendPair => ({
		appendNew: statement(`${name}.new${suffix}`, appendSql({ waits, finds: false, hasImages })),
		appendOrFind: statement(`${name}.orFind${suffix}`, appendSql({ waits, finds: true, hasImages })),
	});
	return { textsOnly: pair("", false), withImages: pair(".withImages", true) };
}

/**
 * 1. `heads` locks the conversations in the order of their ids and reads them as they are once the lock is there.
 * 2. `judged` decides the outcome of each draft.
 * 3. `numbered` gives the accepted ones their seqs, in the order of the batch, and `created_at`, which never goes back within a
 *    conversation.
 * 4. `inserted` stores them, and `advanced` moves their conversations on to the last of them.
 */
function appendSql({ waits, finds, hasImages }: { waits: boolean; finds: boolean; hasImages: boolean }): string {
	const ifFinding = (sql: string, otherwise = "") => (finds ? sql : otherwise);
	const ifImages = (sql: string) => (hasImages ? sql : "");
	const columns = `type, content, reply_to_seq, metadata, search${ifImages(", image_id, image")}`;
	return `
	with sent as materialized (
		select * from unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::bigint[], $8::jsonb[], $9::varbit[]
			${ifImages(", $10::uuid[], $11::jsonb[], $12::timestamptz[]")})
			with ordinality as s (conversation_id, sender_id, client_id, id, ${columns}${ifImages(", claimed_until")}, ord)
	),
	heads as materialized (
		select id, user1_id, user2_id, status, last_seq, user1_sent, user2_sent, last_message_at
		from conversations where id = any ($1) order by id for no key update ${waits ? "" : "skip locked"}
	),
	judged as materialized (
		select s.*, h.user1_id, h.status, h.last_seq, h.user1_sent, h.user2_sent, h.last_message_at, ${ifFinding("m.seq", "null::bigint")} as stored_seq,
			${otherParticipant("s.sender_id", "h")} as recipient_id,
			case
				when h.id is null and exists (
					select from conversations l where l.id = s.conversation_id and s.sender_id in (l.user1_id, l.user2_id)
				) then 'locked'
				when h.id is null or s.sender_id not in (h.user1_id, h.user2_id) then 'NOT_FOUND'
				${ifFinding("when m.seq is not null then 'stored'")}
				when h.status = 'ARCHIVED' then 'CONVERSATION_ARCHIVED'
				when s.reply_to_seq > h.last_seq then 'bad reply'
				${ifImages("when s.claimed_until < clock_timestamp() then 'claim over'")}
				${ifImages(`when s.image_id is not null and (
					exists (select from messages u where u.conversation_id = s.conversation_id and u.image_id = s.image_id)
					or exists (select from sent t where t.image_id = s.image_id and t.ord < s.ord)
				) then 'image used'`)}
				else 'created'
			end as outcome
		from sent s
		left join heads h on h.id = s.conversation_id
		${ifFinding("left join messages m using (conversation_id, sender_id, client_id)")}
	),
	numbered as materialized (
		select ord, conversation_id, sender_id, client_id, id, ${columns},
			greatest(now(), last_message_at)::timestamptz(3) as created_at,
			last_seq + count(*) over so_far as seq,
			user1_sent + count(*) filter (where sender_id = user1_id) over so_far as user1_sent,
			user2_sent + count(*) filter (where sender_id <> user1_id) over so_far as user2_sent
		from judged where outcome = 'created'
		window so_far as (partition by conversation_id order by ord rows unbounded preceding)
	),
	inserted as (
		insert into messages (conversation_id, seq, user1_sent, user2_sent, created_at, id, client_id, sender_id, ${columns})
		select conversation_id, seq, user1_sent, user2_sent, created_at, id, client_id, sender_id, ${columns}
		from numbered
	),
	advanced as (
		update conversations c
		set last_seq = n.seq, user1_sent = n.user1_sent, user2_sent = n.user2_sent, last_message_at = n.created_at,
			updated_at = greatest(n.created_at, c.updated_at + interval '1 ms'), status = 'ACTIVE', archived_at = null, archived_by = null,
			changed_xid = pg_current_xact_id()
		from (select distinct on (conversation_id) * from numbered order by conversation_id, seq desc) n
		where c.id = n.conversation_id
	)
	select j.outcome, coalesce(n.seq, j.stored_seq) as seq, n.created_at, j.recipient_id, j.status = 'AUTO_ARCHIVED' as reopened
	from judged j left join numbered n using (ord)
	order by j.ord`;
}
