import { isDeepStrictEqual } from "node:util";
import { type ErrorCode, ParleyError } from "../../lib/errors.ts";
import { newId } from "../../lib/ids.ts";
import { type Database, statement } from "../../mixins/database.ts";
import { toMessage } from "./message-row.ts";
import type { Message } from "./messages.contract.ts";
import { pick } from "./pick.ts";
import { signatureOf } from "./search/signature.ts";

/** What somebody asks to be sent, after validation. */
export interface Draft {
	conversationId: string;
	senderId: string;
	clientId: string;
	type: "TEXT";
	content: string;
	replyToSeq: number | null;
	metadata: Message["metadata"];
}

/** A stored message. `created` is false when its clientId had stored it before. */
export interface Sent {
	message: Message;
	recipientId: string;
	created: boolean;
	/** It woke an AUTO_ARCHIVED conversation. */
	reopened: boolean;
}

/**
 * Appends drafts to their conversations, all in one statement and one commit; answers each, in order.
 *
 * 1. `heads` locks the conversations in the order of their ids (so that two nodes cannot deadlock) and sees them as they are
 *    once the lock is there. The row decides who takes part, whether it is archived, and what the next seq is.
 * 2. Hardly any clientId comes twice, so at first nobody looks: a second one breaks the unique key, nothing is written, and the
 *    same is done again with `judged` looking for what is stored. Another node may store a clientId while we wait for the
 *    lock, unseen by our snapshot: then the key breaks once more, and we try once more. A draft that is refused breaks no key:
 *    it is looked for afterwards, since what was stored stays stored when its conversation is archived.
 * 3. `numbered` gives the rest their seqs, in the order of the batch, and `created_at`, which never goes back in a conversation.
 */
export async function append(db: Database, drafts: Draft[]): Promise<(Sent | ParleyError)[]> {
	const firsts = new Map<string, Draft>();
	for (const draft of drafts) {
		const key = keyOf(draft);
		if (!firsts.has(key)) firsts.set(key, draft);
	}
	const answers = await appendDistinct(db, [...firsts.values()]);
	const byKey = new Map([...firsts.keys()].map((key, i) => [key, answers[i] as Sent | ParleyError]));
	return drafts.map((draft) => {
		const key = keyOf(draft);
		const answer = byKey.get(key) as Sent | ParleyError;
		return draft === firsts.get(key) || answer instanceof ParleyError
			? answer
			: repeated(draft, answer.message, answer.recipientId);
	});
}

const keyOf = ({ conversationId, senderId, clientId }: Draft) => `${conversationId} ${clientId} ${senderId}`;

interface AppendedRow {
	outcome: "created" | "stored" | "bad reply" | Extract<ErrorCode, "NOT_FOUND" | "CONVERSATION_ARCHIVED">;
	seq: number;
	created_at: string;
	recipient_id: string;
	reopened: boolean;
}

async function appendDistinct(db: Database, drafts: Draft[]): Promise<(Sent | ParleyError)[]> {
	const ids = drafts.map(newId);
	const rows = await appendRows(db, [
		drafts.map((draft) => draft.conversationId),
		drafts.map((draft) => draft.senderId),
		drafts.map((draft) => draft.clientId),
		ids,
		drafts.map((draft) => draft.type),
		drafts.map((draft) => draft.content),
		drafts.map((draft) => draft.replyToSeq),
		drafts.map((draft) => JSON.stringify(draft.metadata)),
		drafts.map(signatureOf),
	]);
	const stored = await storedMessages(db, drafts, rows);

	return drafts.map((draft, i) => {
		const row = rows[i] as AppendedRow;
		switch (row.outcome) {
			case "created":
				return {
					message: created(draft, ids[i] as string, row),
					recipientId: row.recipient_id,
					created: true,
					reopened: row.reopened,
				};
			case "stored":
				return repeated(draft, stored.get(`${draft.conversationId} ${row.seq}`) as Message, row.recipient_id);
			case "bad reply":
				return new ParleyError("VALIDATION_FAILED", { details: [{ path: "replyToSeq", message: "there is no such message" }] });
			default:
				return new ParleyError(row.outcome);
		}
	});
}

async function appendRows(db: Database, values: unknown[][]): Promise<AppendedRow[]> {
	let rows: AppendedRow[];
	try {
		rows = await db.query<AppendedRow>(appendNew, values);
	} catch (error) {
		if (!isWorthRepeating(error)) throw error;
		return appendOrFindRows(db, values);
	}
	const refused = rows.flatMap(({ outcome }, i) => (outcome === "created" || outcome === "NOT_FOUND" ? [] : [i]));
	if (refused.length === 0) return rows;
	const found = await appendOrFindRows(
		db,
		values.map((column) => refused.map((i) => column[i])),
	);
	return rows.map((row, i) => found[refused.indexOf(i)] ?? row);
}

async function appendOrFindRows(db: Database, values: unknown[][]): Promise<AppendedRow[]> {
	for (let attempt = 1; ; attempt++) {
		try {
			return await db.query<AppendedRow>(appendOrFind, values);
		} catch (error) {
			if (attempt === maxAttempts || !isWorthRepeating(error)) throw error;
		}
	}
}

function isWorthRepeating(error: unknown): boolean {
	return worthRepeating.has(String((error as { code?: unknown }).code));
}

/** A clientId that is stored already; a deadlock, should another statement lock in another order. */
const worthRepeating = new Set(["23505", "40P01", "40001"]);
const maxAttempts = 5;

function created(draft: Draft, id: string, row: AppendedRow): Message {
	return toMessage({
		id,
		conversation_id: draft.conversationId,
		seq: row.seq,
		client_id: draft.clientId,
		sender_id: draft.senderId,
		type: draft.type,
		content: draft.content,
		reply_to_seq: draft.replyToSeq,
		metadata: draft.metadata,
		created_at: row.created_at,
		delivered_at: null,
		read_at: null,
	});
}

async function storedMessages(db: Database, drafts: Draft[], rows: AppendedRow[]): Promise<Map<string, Message>> {
	const positions = drafts
		.map(({ conversationId }, i) => ({ conversationId, ...(rows[i] as AppendedRow) }))
		.filter(({ outcome }) => outcome === "stored");
	const messages = positions.length > 0 ? await pick(db, positions) : [];
	return new Map(messages.map((message) => [`${message.conversationId} ${message.seq}`, message]));
}

/** The same clientId again: the stored message if it says the same, else the clientId was reused. */
function repeated(draft: Draft, message: Message, recipientId: string): Sent | ParleyError {
	const same =
		message.type === draft.type &&
		message.content === draft.content &&
		message.replyToSeq === draft.replyToSeq &&
		isDeepStrictEqual(message.metadata, JSON.parse(JSON.stringify(draft.metadata)));
	return same ? { message, recipientId, created: false, reopened: false } : new ParleyError("CLIENT_ID_REUSED");
}

function appendSql(storedSeq: string, joinStored: string): string {
	return `
	with sent as materialized (
		select * from unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::bigint[], $8::jsonb[], $9::varbit[])
			with ordinality as s (conversation_id, sender_id, client_id, id, type, content, reply_to_seq, metadata, search, ord)
	),
	heads as materialized (
		select id, user1_id, user2_id, status, last_seq, user1_sent, user2_sent, last_message_at
		from conversations where id = any ($1) order by id for no key update
	),
	judged as materialized (
		select s.*, h.user1_id, h.status, h.last_seq, h.user1_sent, h.user2_sent, h.last_message_at, ${storedSeq} as stored_seq,
			case s.sender_id when h.user1_id then h.user2_id else h.user1_id end as recipient_id,
			case
				when h.id is null or s.sender_id not in (h.user1_id, h.user2_id) then 'NOT_FOUND'
				when ${storedSeq} is not null then 'stored'
				when h.status = 'ARCHIVED' then 'CONVERSATION_ARCHIVED'
				when s.reply_to_seq > h.last_seq then 'bad reply'
				else 'created'
			end as outcome
		from sent s
		left join heads h on h.id = s.conversation_id
		${joinStored}
	),
	numbered as materialized (
		select ord, conversation_id, sender_id, client_id, id, type, content, reply_to_seq, metadata, search,
			greatest(now(), last_message_at)::timestamptz(3) as created_at,
			last_seq + count(*) over so_far as seq,
			user1_sent + count(*) filter (where sender_id = user1_id) over so_far as user1_sent,
			user2_sent + count(*) filter (where sender_id <> user1_id) over so_far as user2_sent
		from judged where outcome = 'created'
		window so_far as (partition by conversation_id order by ord rows unbounded preceding)
	),
	inserted as (
		insert into messages (conversation_id, seq, user1_sent, user2_sent, reply_to_seq, created_at, id, client_id, sender_id, type, content, metadata, search)
		select conversation_id, seq, user1_sent, user2_sent, reply_to_seq, created_at, id, client_id, sender_id, type, content, metadata, search
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

const appendNew = statement("messages.appendNew", appendSql("null::bigint", ""));
const appendOrFind = statement(
	"messages.appendOrFind",
	appendSql("m.seq", "left join messages m using (conversation_id, sender_id, client_id)"),
);
