import { ParleyError } from "../../lib/errors.ts";
import { type Database, statement } from "../../mixins/database.ts";
import type { Calls } from "../contracts.ts";
import type { Draft, Sent } from "./append.ts";
import type { Mailbox } from "./mailbox.ts";

/**
 * Sends a message with an image. `media` keeps the image for this clientId first, and harmlessly again when the message is sent
 * again; so of two messages with the same image one gets it. A message that is refused for good gives it back. One that is not
 * stored in time is UNAVAILABLE, and claims the image anew when it is sent again.
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

/** No image when the image cannot be had (any more), but the message is stored already: then that one is the answer. */
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
