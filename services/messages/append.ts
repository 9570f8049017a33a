import { isDeepStrictEqual } from "node:util";
import { type ErrorCode, ParleyError } from "../../lib/errors.ts";
import { newId } from "../../lib/ids.ts";
import { sqlState } from "../../lib/sqlstate.ts";
import { mapInTurns, sendingTurns } from "../../lib/turns.ts";
import { type Database, type Statement, statement } from "../../mixins/database.ts";
import type { StoredImage } from "../media/media.contract.ts";
import type { MessageRow, ToMessages } from "./message-row.ts";
import type { Message } from "./messages.contract.ts";
import { pick } from "./pick.ts";
import { signatureOf } from "./search/signature.ts";

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
	/** Until when it is kept, by the clock of the database. Stored later, the message might show an image that is gone. */
	claimedUntil?: string | null;
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

/** What became of a draft. `held`: somebody else has locked its conversation, and nothing was done. */
export type Appended = Sent | ParleyError | "held";

/**
 * Appends drafts to their conversations, all in one statement and one commit; answers each, in order.
 *
 * 1. `heads` locks the conversations that nobody else has locked, and sees them as they are once the lock is there. The row
 *    decides who takes part, whether it is archived, and what the next seq is.
 * 2. Hardly any clientId comes twice, so at first nobody looks: a second one breaks the unique key, nothing is written, and the
 *    same is done again with `judged` looking for what is stored. Another node may store a clientId between our snapshot and our
 *    lock: then the key breaks once more, and we try once more. So it is with an image that another
 *    message got meanwhile. A draft that is refused breaks no key: it is looked for afterwards, since what was stored stays
 *    stored when its conversation is archived.
 * 3. `numbered` gives the rest their seqs, in the order of the batch, and `created_at`, which never goes back in a conversation.
 */
export function append(db: Database, toMessages: ToMessages, drafts: Draft[]): Promise<Appended[]> {
	return appendBy(free, db, toMessages, drafts);
}

/** The same for drafts to one conversation, which waits for its lock; `held` when it waited in vain. */
export async function appendWaiting(db: Database, toMessages: ToMessages, drafts: Draft[]): Promise<Appended[]> {
	try {
		return await appendBy(waiting, db, toMessages, drafts);
	} catch (error) {
		if ((error as { code?: unknown }).code === sqlState.lockNotAvailable) return drafts.map(() => "held");
		throw error;
	}
}

async function appendBy(variants: Variants, db: Database, toMessages: ToMessages, drafts: Draft[]): Promise<Appended[]> {
	const firsts = new Map<string, Draft>();
	for (const draft of drafts) {
		const key = keyOf(draft);
		if (!firsts.has(key)) firsts.set(key, draft);
	}
	const appended = await appendDistinct(variants, db, [...firsts.values()]);
	const messages = await toMessages(appended.flatMap((answer) => (isStored(answer) ? answer.row : [])));
	const messageOf = new Map(messages.map((message) => [message.id, message]));
	const answerOf = new Map([...firsts.keys()].map((key, i) => [key, appended[i] as Outcome]));
	return drafts.map((draft) => {
		const key = keyOf(draft);
		const first = answerOf.get(key) as Outcome;
		const answer = draft === firsts.get(key) || !isStored(first) ? first : repeated(draft, first.row, first.recipientId);
		if (!isStored(answer)) return answer;
		const { row, ...rest } = answer;
		return { message: messageOf.get(row.id) as Message, ...rest };
	});
}

const keyOf = ({ conversationId, senderId, clientId }: Draft) => `${conversationId} ${clientId} ${senderId}`;

/** A stored message before its URLs are signed. */
interface Stored extends Omit<Sent, "message"> {
	row: MessageRow;
}

type Outcome = Stored | ParleyError | "held";

const isStored = (outcome: Outcome): outcome is Stored => outcome !== "held" && !(outcome instanceof ParleyError);

interface AppendedRow {
	outcome:
		| "created"
		| "stored"
		| "held"
		| "bad reply"
		| "image used"
		| "claim over"
		| Extract<ErrorCode, "NOT_FOUND" | "CONVERSATION_ARCHIVED">;
	seq: number;
	created_at: string;
	recipient_id: string;
	reopened: boolean;
}

async function appendDistinct(variants: Variants, db: Database, drafts: Draft[]): Promise<Outcome[]> {
	const ids = drafts.map(newId);
	const hasImages = drafts.some((draft) => draft.imageId !== null);
	const values: unknown[][] = [
		drafts.map((draft) => draft.conversationId),
		drafts.map((draft) => draft.senderId),
		drafts.map((draft) => draft.clientId),
		ids,
		drafts.map((draft) => draft.type),
		drafts.map((draft) => draft.content),
		drafts.map((draft) => draft.replyToSeq),
		drafts.map((draft) => JSON.stringify(draft.metadata)),
		await mapInTurns(sendingTurns, drafts, signatureOf),
	];
	if (hasImages) {
		values.push(drafts.map((draft) => draft.imageId));
		values.push(drafts.map((draft) => draft.image && JSON.stringify(draft.image)));
		values.push(drafts.map((draft) => draft.claimedUntil ?? null));
	}
	const rows = await appendRows(db, hasImages ? variants.withImages : variants.textsOnly, values);
	const stored = await storedMessages(db, drafts, rows);

	return drafts.map((draft, i) => {
		const row = rows[i] as AppendedRow;
		switch (row.outcome) {
			case "created":
				return {
					row: created(draft, ids[i] as string, row),
					recipientId: row.recipient_id,
					created: true,
					reopened: row.reopened,
				};
			case "stored":
				return repeated(draft, stored.get(`${draft.conversationId} ${row.seq}`) as MessageRow, row.recipient_id);
			case "held":
				return "held";
			case "bad reply":
				return new ParleyError("VALIDATION_FAILED", { details: [{ path: "replyToSeq", message: "there is no such message" }] });
			case "image used":
				return new ParleyError("IMAGE_NOT_READY", { details: { reason: "ALREADY_SENT" } });
			case "claim over":
				return new ParleyError("UNAVAILABLE");
			default:
				return new ParleyError(row.outcome);
		}
	});
}

async function appendRows(db: Database, { appendNew, appendOrFind }: Statements, values: unknown[][]): Promise<AppendedRow[]> {
	let rows: AppendedRow[];
	try {
		rows = await db.query<AppendedRow>(appendNew, values);
	} catch (error) {
		if (!isWorthRepeating(error)) throw error;
		return appendOrFindRows(db, appendOrFind, values);
	}
	const refused = rows.flatMap(({ outcome }, i) => (notLookedFor.has(outcome) ? [] : [i]));
	if (refused.length === 0) return rows;
	const found = await appendOrFindRows(
		db,
		appendOrFind,
		values.map((column) => refused.map((i) => column[i])),
	);
	return rows.map((row, i) => found[refused.indexOf(i)] ?? row);
}

/** Outcomes that do not depend on what is stored under the clientId. */
const notLookedFor = new Set<AppendedRow["outcome"]>(["created", "held", "NOT_FOUND"]);

async function appendOrFindRows(db: Database, appendOrFind: Statement, values: unknown[][]): Promise<AppendedRow[]> {
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
const worthRepeating = new Set<string>([sqlState.uniqueViolation, sqlState.deadlockDetected, sqlState.serializationFailure]);
const maxAttempts = 5;

function created(draft: Draft, id: string, row: AppendedRow): MessageRow {
	return {
		id,
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
function repeated(draft: Draft, row: MessageRow, recipientId: string): Stored | ParleyError {
	const same =
		row.type === draft.type &&
		row.content === draft.content &&
		row.image_id === draft.imageId &&
		row.reply_to_seq === draft.replyToSeq &&
		isDeepStrictEqual(row.metadata, JSON.parse(JSON.stringify(draft.metadata)));
	return same ? { row, recipientId, created: false, reopened: false } : new ParleyError("CLIENT_ID_REUSED");
}

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
			case s.sender_id when h.user1_id then h.user2_id else h.user1_id end as recipient_id,
			case
				when h.id is null and exists (
					select from conversations l where l.id = s.conversation_id and s.sender_id in (l.user1_id, l.user2_id)
				) then 'held'
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

/** Texts do without what only images need: of those there are few. */
interface Variants {
	textsOnly: Statements;
	withImages: Statements;
}

interface Statements {
	appendNew: Statement;
	appendOrFind: Statement;
}

const free = variantsOf("messages.append", { waits: false });
const waiting = variantsOf("messages.appendWaiting", { waits: true });

function variantsOf(name: string, { waits }: { waits: boolean }): Variants {
	const both = (suffix: string, hasImages: boolean): Statements => ({
		appendNew: statement(`${name}.new${suffix}`, appendSql({ waits, finds: false, hasImages })),
		appendOrFind: statement(`${name}.orFind${suffix}`, appendSql({ waits, finds: true, hasImages })),
	});
	return { textsOnly: both("", false), withImages: both(".withImages", true) };
}
