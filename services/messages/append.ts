import { isDeepStrictEqual } from "node:util";
import { v7 as uuidv7 } from "uuid";
import { type ErrorCode, ParleyError } from "../../lib/errors.ts";
import { type Database, statement } from "../../mixins/database.ts";
import type { StoredImage } from "../media/media.contract.ts";
import type { MessageRow, ToMessages } from "./message-row.ts";
import type { Message } from "./messages.contract.ts";
import { pick } from "./pick.ts";

/** What somebody asks to be sent, after validation. */
export interface Draft {
	conversationId: string;
	senderId: string;
	clientId: string;
	type: "TEXT" | "IMAGE";
	content: string | null;
	imageId: string | null;
	/** The image, kept for this message. Null where the message is known to be stored already. */
	image: StoredImage | null;
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
 * 2. `judged` finds drafts whose clientId is stored already. It sees the database as of the start of the statement: a
 *    duplicate that another node committed while we waited for the lock is not seen, its insert breaks the unique key, and the
 *    whole statement is run again, with eyes that see it. So it is with an image that another message got meanwhile.
 * 3. `numbered` gives the rest their seqs, in the order of the batch, and `created_at`, which never goes back in a conversation.
 */
export async function append(db: Database, toMessages: ToMessages, drafts: Draft[]): Promise<(Sent | ParleyError)[]> {
	const firsts = new Map<string, Draft>();
	for (const draft of drafts) {
		const key = keyOf(draft);
		if (!firsts.has(key)) firsts.set(key, draft);
	}
	const appended = await appendDistinct(db, [...firsts.values()]);
	const messages = await toMessages(appended.flatMap((answer) => (answer instanceof ParleyError ? [] : answer.row)));
	const messageOf = new Map(messages.map((message) => [message.id, message]));
	const answerOf = new Map([...firsts.keys()].map((key, i) => [key, appended[i] as Appended | ParleyError]));
	return drafts.map((draft) => {
		const key = keyOf(draft);
		const first = answerOf.get(key) as Appended | ParleyError;
		const answer =
			draft === firsts.get(key) || first instanceof ParleyError ? first : repeated(draft, first.row, first.recipientId);
		if (answer instanceof ParleyError) return answer;
		const { row, ...rest } = answer;
		return { message: messageOf.get(row.id) as Message, ...rest };
	});
}

const keyOf = ({ conversationId, senderId, clientId }: Draft) => `${conversationId} ${clientId} ${senderId}`;

/** What became of a draft, before its URLs are signed. */
interface Appended extends Omit<Sent, "message"> {
	row: MessageRow;
}

interface AppendedRow {
	outcome: "created" | "stored" | "bad reply" | "image used" | Extract<ErrorCode, "NOT_FOUND" | "CONVERSATION_ARCHIVED">;
	id: string;
	seq: number;
	created_at: string;
	recipient_id: string;
	reopened: boolean;
}

async function appendDistinct(db: Database, drafts: Draft[]): Promise<(Appended | ParleyError)[]> {
	const values: unknown[] = [
		drafts.map((draft) => draft.conversationId),
		drafts.map((draft) => draft.senderId),
		drafts.map((draft) => draft.clientId),
		drafts.map(() => uuidv7()),
		drafts.map((draft) => draft.type),
		drafts.map((draft) => draft.content),
		drafts.map((draft) => draft.replyToSeq),
		drafts.map((draft) => JSON.stringify(draft.metadata)),
	];
	const hasImages = drafts.some((draft) => draft.imageId !== null);
	if (hasImages) {
		values.push(drafts.map((draft) => draft.imageId));
		values.push(drafts.map((draft) => draft.image && JSON.stringify(draft.image)));
	}
	const rows = await db.query<AppendedRow>(hasImages ? appendWithImages : appendTexts, values);
	const stored = await storedMessages(db, drafts, rows);

	return drafts.map((draft, i) => {
		const row = rows[i] as AppendedRow;
		switch (row.outcome) {
			case "created":
				return { row: created(draft, row), recipientId: row.recipient_id, created: true, reopened: row.reopened };
			case "stored":
				return repeated(draft, stored.get(`${draft.conversationId} ${row.seq}`) as MessageRow, row.recipient_id);
			case "bad reply":
				return new ParleyError("VALIDATION_FAILED", { details: [{ path: "replyToSeq", message: "there is no such message" }] });
			case "image used":
				return new ParleyError("IMAGE_NOT_READY", { details: { reason: "ALREADY_SENT" } });
			default:
				return new ParleyError(row.outcome);
		}
	});
}

function created(draft: Draft, row: AppendedRow): MessageRow {
	return {
		id: row.id,
		conversation_id: draft.conversationId,
		seq: row.seq,
		client_id: draft.clientId,
		sender_id: draft.senderId,
		type: draft.type,
		content: draft.content,
		image_id: draft.imageId,
		image: draft.image,
		reply_to_seq: draft.replyToSeq,
		metadata: draft.metadata,
		created_at: row.created_at,
		delivered_at: null,
		read_at: null,
	};
}

async function storedMessages(db: Database, drafts: Draft[], rows: AppendedRow[]): Promise<Map<string, MessageRow>> {
	const positions = drafts
		.map(({ conversationId }, i) => ({ conversationId, ...(rows[i] as AppendedRow) }))
		.filter(({ outcome }) => outcome === "stored");
	const messages = positions.length > 0 ? await pick(db, positions) : [];
	return new Map(messages.map((message) => [`${message.conversation_id} ${message.seq}`, message]));
}

/** The same clientId again: the stored message if it says the same, else the clientId was reused. */
function repeated(draft: Draft, row: MessageRow, recipientId: string): Appended | ParleyError {
	const same =
		row.type === draft.type &&
		row.content === draft.content &&
		row.image_id === draft.imageId &&
		row.reply_to_seq === draft.replyToSeq &&
		isDeepStrictEqual(row.metadata, JSON.parse(JSON.stringify(draft.metadata)));
	return same ? { row, recipientId, created: false, reopened: false } : new ParleyError("CLIENT_ID_REUSED");
}

/** Texts do without what only images need: of those there are few. */
const appendTexts = statement("messages.append", appendSql(false));
const appendWithImages = statement("messages.append.withImages", appendSql(true));

function appendSql(withImages: boolean): string {
	const imageColumns = withImages ? ", image_id, image" : "";
	const forImages = (sql: string) => (withImages ? sql : "");
	return `
	with sent as materialized (
		select * from unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::bigint[], $8::jsonb[]${forImages(", $9::uuid[], $10::jsonb[]")})
			with ordinality as s (conversation_id, sender_id, client_id, id, type, content, reply_to_seq, metadata${imageColumns}, ord)
	),
	heads as materialized (
		select id, user1_id, user2_id, status, last_seq, user1_sent, user2_sent, last_message_at
		from conversations where id = any ($1) order by id for no key update
	),
	judged as materialized (
		select s.*, h.user1_id, h.status, h.last_seq, h.user1_sent, h.user2_sent, h.last_message_at, m.seq as stored_seq,
			case s.sender_id when h.user1_id then h.user2_id else h.user1_id end as recipient_id,
			case
				when h.id is null or s.sender_id not in (h.user1_id, h.user2_id) then 'NOT_FOUND'
				when m.seq is not null then 'stored'
				when h.status = 'ARCHIVED' then 'CONVERSATION_ARCHIVED'
				when s.reply_to_seq > h.last_seq then 'bad reply'
				${forImages(`when s.image_id is not null and (
					exists (select from messages u where u.conversation_id = s.conversation_id and u.image_id = s.image_id)
					or exists (select from sent t where t.image_id = s.image_id and t.ord < s.ord)
				) then 'image used'`)}
				else 'created'
			end as outcome
		from sent s
		left join heads h on h.id = s.conversation_id
		left join messages m using (conversation_id, sender_id, client_id)
	),
	numbered as materialized (
		select ord, conversation_id, sender_id, client_id, id, type, content, reply_to_seq, metadata${imageColumns},
			greatest(now(), last_message_at)::timestamptz(3) as created_at,
			last_seq + count(*) over so_far as seq,
			user1_sent + count(*) filter (where sender_id = user1_id) over so_far as user1_sent,
			user2_sent + count(*) filter (where sender_id <> user1_id) over so_far as user2_sent
		from judged where outcome = 'created'
		window so_far as (partition by conversation_id order by ord rows unbounded preceding)
	),
	inserted as (
		insert into messages (conversation_id, seq, user1_sent, user2_sent, reply_to_seq, created_at, id, client_id, sender_id, type, content, metadata${imageColumns})
		select conversation_id, seq, user1_sent, user2_sent, reply_to_seq, created_at, id, client_id, sender_id, type, content, metadata${imageColumns}
		from numbered
	),
	advanced as (
		update conversations c
		set last_seq = n.seq, user1_sent = n.user1_sent, user2_sent = n.user2_sent, last_message_at = n.created_at,
			updated_at = n.created_at, status = 'ACTIVE', archived_at = null, archived_by = null
		from (select distinct on (conversation_id) * from numbered order by conversation_id, seq desc) n
		where c.id = n.conversation_id
	)
	select j.outcome, j.id, coalesce(n.seq, j.stored_seq) as seq, n.created_at, j.recipient_id, j.status = 'AUTO_ARCHIVED' as reopened
	from judged j left join numbered n using (ord)
	order by j.ord`;
}
