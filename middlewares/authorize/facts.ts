import { LRUCache } from "lru-cache";
import type { Context } from "moleculer";
import { withinCaller } from "../../lib/deadline.ts";
import { PlatformId } from "../../lib/schemas.ts";
import { callsOf, type Result } from "../../services/contracts.ts";

/**
 * What the guards know of conversations, messages, images and people. The services that own these are asked once; then the
 * answer is kept, without an expiry. Therefore only facts that never change may be kept here:
 *
 * - who takes part in a conversation,
 * - which conversation a message belongs to,
 * - which conversation an image belongs to, and who uploaded it,
 * - that two people share a conversation.
 *
 * «There is no such thing» and «they share no conversation» may change, so they are not kept. Anything else that may change
 * (archived, erased, deleted, blocked, suspended, held) must never be kept here: the action checks it, or a guard asks each time.
 */
export class Facts {
	/** Promises, so that calls which arrive during the first question keep their order. */
	readonly #participants = new LRUCache<string, Promise<string[]>>({ max: 100_000 });
	readonly #conversationOfMessage = new LRUCache<string, string>({ max: 10_000 });
	readonly #originOfImage = new LRUCache<string, Result<"media.locate">>({ max: 10_000 });
	readonly #partners = new LRUCache<string, true>({ max: 100_000 });

	/** NOT_FOUND when there is no such conversation. */
	async isParticipant(ctx: Context, conversationId: string, userId: string): Promise<boolean> {
		let participants = this.#participants.get(conversationId);
		if (!participants) {
			participants = callsOf(ctx.broker)
				.call("conversations.participants", { conversationId }, withinCaller(ctx))
				.then(({ userIds }) => userIds);
			participants.catch(() => this.#participants.delete(conversationId));
			this.#participants.set(conversationId, participants);
		}
		return (await participants).includes(userId);
	}

	/** NOT_FOUND when there is no such message. */
	async conversationOfMessage(ctx: Context, messageId: string): Promise<string> {
		const known = this.#conversationOfMessage.get(messageId);
		if (known !== undefined) return known;
		const { conversationId } = await callsOf(ctx.broker).call("messages.locate", { messageId }, withinCaller(ctx));
		this.#conversationOfMessage.set(messageId, conversationId);
		return conversationId;
	}

	/** The image's conversation and uploader. NOT_FOUND when there is no such image. */
	async originOfImage(ctx: Context, imageId: string): Promise<Result<"media.locate">> {
		const known = this.#originOfImage.get(imageId);
		if (known) return known;
		const origin = await callsOf(ctx.broker).call("media.locate", { imageId }, withinCaller(ctx));
		this.#originOfImage.set(imageId, origin);
		return origin;
	}

	/** Whether the two share a conversation, or are the same person. */
	async isPartner(ctx: Context, userId: string, partnerId: string): Promise<boolean> {
		if (!PlatformId.safeParse(partnerId).success) return false;
		const pair = JSON.stringify([userId, partnerId]);
		if (userId === partnerId || this.#partners.has(pair)) return true;
		const { shared } = await callsOf(ctx.broker).call("conversations.share", { userId, partnerId }, withinCaller(ctx));
		if (shared) this.#partners.set(pair, true);
		return shared;
	}
}
