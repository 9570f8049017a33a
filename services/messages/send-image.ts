import { ParleyError } from "../../lib/errors.ts";
import { type Database, statement } from "../../mixins/database.ts";
import type { Calls } from "../contracts.ts";
import type { Draft, Sent } from "./append.ts";
import type { Mailbox } from "./mailbox.ts";

/**
 * Sends a message with an image.
 *
 * 1. `media` reserves the image for this clientId. So only one of two messages with the same image gets it; a repeated send of the
 *    same message gets it again.
 * 2. If the message is refused for good, the reservation is released.
 * 3. A message that cannot be stored before the reservation ends is UNAVAILABLE. Its next send reserves the image again.
 */
export async function sendImage(mailbox: Mailbox, db: Database, calls: Calls, draft: Draft & { imageId: string }): Promise<Sent> {
	const { imageId, clientId } = draft;
	const claimed = await claim(db, calls, draft);
	try {
		return await mailbox.add({ ...draft, ...claimed });
	} catch (error) {
		if (claimed.image && error instanceof ParleyError && error.type !== "UNAVAILABLE")
			await calls.call("media.release", { imageId, clientId });
		throw error;
	}
}

/** Reserves the image. Without an image when it cannot be reserved but the message is stored: then the stored one is the answer. */
async function claim(db: Database, calls: Calls, draft: Draft & { imageId: string }): Promise<Claimed> {
	const { imageId, conversationId, senderId, clientId } = draft;
	try {
		const claimed = await calls.call("media.claim", { imageId, conversationId, uploaderId: senderId, clientId });
		const { claimedUntil, ...image } = claimed;
		return { image, claimedUntil };
	} catch (error) {
		if ((await db.query(storedStatement, [conversationId, senderId, clientId])).length > 0) return { image: null };
		throw error;
	}
}

type Claimed = Pick<Draft, "image" | "claimedUntil">;

const storedStatement = statement(
	"messages.send.stored",
	"select from messages where conversation_id = $1 and sender_id = $2 and client_id = $3",
);
