import type { Logger } from "moleculer";
import { mapInTurns, readingTurns } from "../../lib/turns.ts";
import { otherParticipant } from "../conversation-sql.ts";
import type { SignImages } from "../image-urls.ts";
import type { Image, StoredImage } from "../media/media.contract.ts";
import type { Message } from "./messages.contract.ts";
import { renderHtml } from "./render-html.ts";

/** A message with the columns below. */
export interface MessageRow {
	id: string;
	conversation_id: string;
	seq: number;
	client_id: string;
	sender_id: string;
	type: Message["type"];
	content: string | null;
	image_id: string | null;
	image: StoredImage | null;
	reply_to_seq: number | null;
	metadata: Message["metadata"];
	created_at: string;
	delivered_at: string | null;
	read_at: string | null;
}

/**
 * The columns of a message `m` in a conversation `c`, with its receipts. The recipient's first receipt at or above its seq says
 * when it was delivered, or read. Reading does not update message rows.
 */
export const messageColumns = `
		m.id, m.conversation_id, m.seq, m.client_id, m.sender_id, m.type, m.content, m.image_id, m.image, m.reply_to_seq, m.metadata, m.created_at,
		${firstReceipt("delivered")} as delivered_at,
		${firstReceipt("read")} as read_at`;

/** `select … from …` of messages `m`. */
export const selectMessages = `select ${messageColumns} from messages m join conversations c on c.id = m.conversation_id`;

function firstReceipt(kind: "delivered" | "read"): string {
	return `(
		select r.at from receipts r
		where r.conversation_id = m.conversation_id
			and r.user_id = ${otherParticipant("m.sender_id", "c")}
			and r.kind = '${kind}' and r.up_to_seq >= m.seq
		order by r.up_to_seq limit 1
	)`;
}

/** Rows as clients see them, in order. */
export type ToMessages = (rows: MessageRow[]) => Promise<Message[]>;

/** Signs the URLs of all images at once. If that fails, the messages come without their images. */
export function createToMessages(sign: SignImages, logger: Pick<Logger, "warn">, turns = readingTurns): ToMessages {
	const signed = async (rows: MessageRow[]): Promise<Map<string, Image>> => {
		const stored = rows.flatMap(({ image }) => image ?? []);
		if (stored.length === 0) return noImages;
		try {
			return new Map((await sign(stored)).map((image) => [image.id, image]));
		} catch (error) {
			logger.warn("Images could not be signed:", error);
			return noImages;
		}
	};
	return async (rows) => {
		const images = await signed(rows);
		return mapInTurns(turns, rows, (row) => toMessage(row, images));
	};
}

const noImages = new Map<string, Image>();

function toMessage(row: MessageRow, images: Map<string, Image>): Message {
	return {
		id: row.id,
		conversationId: row.conversation_id,
		seq: row.seq,
		clientId: row.client_id,
		senderId: row.sender_id,
		type: row.type,
		content: row.content,
		contentHtml: row.content === null ? null : renderHtml(row.content),
		image: (row.image && images.get(row.image.id)) ?? null,
		replyToSeq: row.reply_to_seq,
		metadata: row.metadata,
		createdAt: row.created_at,
		deliveredAt: row.delivered_at,
		readAt: row.read_at,
	};
}
