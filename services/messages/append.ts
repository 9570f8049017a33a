import { isDeepStrictEqual } from "node:util";
import { ParleyError } from "../../lib/errors.ts";
import { newId } from "../../lib/ids.ts";
import { sqlState, sqlStateOf } from "../../lib/sqlstate.ts";
import { mapInTurns, sendingTurns } from "../../lib/turns.ts";
import type { Database, Statement } from "../../mixins/database.ts";
import type { StoredImage } from "../media/media.contract.ts";
import { type AppendedRow, type AppendPair, type AppendStatements, skipsLocked, waitsForLocks } from "./append-statement.ts";
import type { MessageRow, ToMessages } from "./message-row.ts";
import type { Message } from "./messages.contract.ts";
import { pick } from "./pick.ts";
import { signatureOf } from "./search/signature.ts";

/** A message to be stored, after validation. */
export interface Draft {
	conversationId: string;
	senderId: string;
	clientId: string;
	type: "TEXT" | "IMAGE";
	content: string | null;
	imageId: string | null;
	/** The image, which `media` reserves for this message. Null when the message is known to be stored already. */
	image: StoredImage | null;
	/** Until when it is reserved, by the clock of the database. A message stored later might show an image that is deleted. */
	claimedUntil?: string | null;
	replyToSeq: number | null;
	metadata: Message["metadata"];
}

/** A stored message. `created` is false when its clientId was stored before. */
export interface Sent {
	message: Message;
	recipientId: string;
	created: boolean;
	/** The message made an AUTO_ARCHIVED conversation ACTIVE again. */
	reopened: boolean;
}

/** The outcome of a draft. `locked`: another transaction has locked its conversation, and nothing was stored. */
export type Appended = Sent | ParleyError | "locked";

/**
 * Appends drafts to their conversations, all in one statement and one commit. Returns one answer for each, in order.
 *
 * 1. The statement locks the conversations that no other transaction has locked. Under this lock it decides who takes part,
 *    whether the conversation is archived, and what the next seq is.
 * 2. A clientId is rarely sent twice. So the first statement does not look for stored clientIds. If one is stored, the unique
 *    key is violated, nothing is written, and a second statement does the same work and looks each clientId up.
 * 3. The second statement may violate a unique key too: another node stores a clientId between its snapshot and its lock, or
 *    another message takes an image. Then it runs again.
 * 4. A refused draft violates no key. It is looked up afterwards, since its message may be stored: what was stored before the
 *    conversation was archived stays stored.
 */
export function append(db: Database, toMessages: ToMessages, drafts: Draft[]): Promise<Appended[]> {
	return appendBy(skipsLocked, db, toMessages, drafts);
}

/** The same for drafts to one conversation, and waits for its lock. All are `locked` when the lock did not come in time. */
export async function appendWaiting(db: Database, toMessages: ToMessages, drafts: Draft[]): Promise<Appended[]> {
	try {
		return await appendBy(waitsForLocks, db, toMessages, drafts);
	} catch (error) {
		if (sqlStateOf(error) === sqlState.lockNotAvailable) return drafts.map(() => "locked");
		throw error;
	}
}

/** A clientId may occur more than once in a batch: its first draft is appended, the others get the answer of a repeated send. */
async function appendBy(
	statements: AppendStatements,
	db: Database,
	toMessages: ToMessages,
	drafts: Draft[],
): Promise<Appended[]> {
	const firsts = new Map<string, Draft>();
	for (const draft of drafts) {
		const key = keyOf(draft);
		if (!firsts.has(key)) firsts.set(key, draft);
	}
	const appended = await appendDistinct(statements, db, [...firsts.values()]);
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

/** A stored message before its image's URLs are signed. */
interface Stored extends Omit<Sent, "message"> {
	row: MessageRow;
}

type Outcome = Stored | ParleyError | "locked";

const isStored = (outcome: Outcome): outcome is Stored => outcome !== "locked" && !(outcome instanceof ParleyError);

async function appendDistinct(statements: AppendStatements, db: Database, drafts: Draft[]): Promise<Outcome[]> {
	const ids = drafts.map(newId);
	const hasImages = drafts.some((draft) => draft.imageId !== null);
	const columns: unknown[][] = [
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
		columns.push(drafts.map((draft) => draft.imageId));
		columns.push(drafts.map((draft) => draft.image && JSON.stringify(draft.image)));
		columns.push(drafts.map((draft) => draft.claimedUntil ?? null));
	}
	const rows = await appendRows(db, hasImages ? statements.withImages : statements.textsOnly, columns);
	const stored = await storedMessages(db, drafts, rows);

	return drafts.map((draft, i) => {
		const row = rows[i] as AppendedRow;
		switch (row.outcome) {
			case "created":
				return {
					row: createdRow(draft, ids[i] as string, row),
					recipientId: row.recipient_id,
					created: true,
					reopened: row.reopened,
				};
			case "stored":
				return repeated(draft, stored.get(`${draft.conversationId} ${row.seq}`) as MessageRow, row.recipient_id);
			case "locked":
				return "locked";
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

async function appendRows(db: Database, { appendNew, appendOrFind }: AppendPair, columns: unknown[][]): Promise<AppendedRow[]> {
	let rows: AppendedRow[];
	try {
		rows = await db.query<AppendedRow>(appendNew, columns);
	} catch (error) {
		if (!isRetriable(error)) throw error;
		return appendOrFindRows(db, appendOrFind, columns);
	}
	const refused = rows.flatMap(({ outcome }, i) => (finalOutcomes.has(outcome) ? [] : [i]));
	if (refused.length === 0) return rows;
	const found = await appendOrFindRows(
		db,
		appendOrFind,
		columns.map((column) => refused.map((i) => column[i])),
	);
	return rows.map((row, i) => found[refused.indexOf(i)] ?? row);
}

/** Outcomes that are the same whether or not the clientId is stored. */
const finalOutcomes = new Set<AppendedRow["outcome"]>(["created", "locked", "NOT_FOUND"]);

async function appendOrFindRows(db: Database, appendOrFind: Statement, columns: unknown[][]): Promise<AppendedRow[]> {
	for (let attempt = 1; ; attempt++) {
		try {
			return await db.query<AppendedRow>(appendOrFind, columns);
		} catch (error) {
			if (attempt === maxAttempts || !isRetriable(error)) throw error;
		}
	}
}

/** A stored clientId, or a conflict with a statement that locks conversations in another order. */
const retriable = new Set<string>([sqlState.uniqueViolation, sqlState.deadlockDetected, sqlState.serializationFailure]);
const maxAttempts = 5;

function isRetriable(error: unknown): boolean {
	return retriable.has(sqlStateOf(error));
}

function createdRow(draft: Draft, id: string, row: AppendedRow): MessageRow {
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

/** The same clientId again: the stored message if its content is the same, else CLIENT_ID_REUSED. */
function repeated(draft: Draft, row: MessageRow, recipientId: string): Stored | ParleyError {
	const isSame =
		row.type === draft.type &&
		row.content === draft.content &&
		row.image_id === draft.imageId &&
		row.reply_to_seq === draft.replyToSeq &&
		isDeepStrictEqual(row.metadata, JSON.parse(JSON.stringify(draft.metadata)));
	return isSame ? { row, recipientId, created: false, reopened: false } : new ParleyError("CLIENT_ID_REUSED");
}
