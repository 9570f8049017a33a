import { LRUCache } from "lru-cache";
import type { Context, Middleware, Service } from "moleculer";
import type { Meta, UserAccess } from "../lib/access.ts";
import { withinCaller } from "../lib/deadline.ts";
import { ParleyError } from "../lib/errors.ts";
import { PlatformId } from "../lib/schemas.ts";
import { callsOf, contractOf, type Result } from "../services/contracts.ts";

type Call = Context<Record<string, unknown>, Meta>;

/**
 * The one place that decides who may do what, by the `access` of the action's contract. It runs before validation, so that a
 * stranger learns nothing from what a request looks like. Who takes part in a conversation, where a message is, whose an image is,
 * and that two people share a conversation never change: they are remembered.
 */
export function authorize(): Middleware {
	// The promise is kept, not its value: calls that come in order while it is asked go on in order.
	const participants = new LRUCache<string, Promise<string[]>>({ max: 100_000 });
	const partners = new LRUCache<string, true>({ max: 100_000 });
	const conversationOfMessage = new LRUCache<string, string>({ max: 10_000 });
	const placeOfImage = new LRUCache<string, Result<"media.locate">>({ max: 10_000 });

	async function isParticipant(ctx: Call, conversationId: string, userId: string): Promise<boolean> {
		let asked = participants.get(conversationId);
		if (!asked) {
			asked = callsOf(ctx.broker)
				.call("conversations.participants", { conversationId }, withinCaller(ctx))
				.then(({ userIds }) => userIds);
			asked.catch(() => participants.delete(conversationId));
			participants.set(conversationId, asked);
		}
		return (await asked).includes(userId);
	}

	async function locate(ctx: Call, messageId: string): Promise<string> {
		let conversationId = conversationOfMessage.get(messageId);
		if (!conversationId) {
			({ conversationId } = await callsOf(ctx.broker).call("messages.locate", { messageId }, withinCaller(ctx)));
			conversationOfMessage.set(messageId, conversationId);
		}
		return conversationId;
	}

	async function mayUseImage(ctx: Call, imageId: string, userId: string, isUploader: boolean): Promise<boolean> {
		let place = placeOfImage.get(imageId);
		if (!place) {
			place = await callsOf(ctx.broker).call("media.locate", { imageId }, withinCaller(ctx));
			placeOfImage.set(imageId, place);
		}
		return isUploader ? place.uploaderId === userId : isParticipant(ctx, place.conversationId, userId);
	}

	async function isPartner(ctx: Call, userId: string, partnerId: string): Promise<boolean> {
		if (!PlatformId.safeParse(partnerId).success) return false;
		const pair = JSON.stringify([userId, partnerId]);
		if (userId === partnerId || partners.has(pair)) return true;
		const { shared } = await callsOf(ctx.broker).call("conversations.share", { userId, partnerId }, withinCaller(ctx));
		if (shared) partners.set(pair, true);
		return shared;
	}

	return {
		name: "authorize",
		localAction(next, action) {
			const { access } = contractOf(String(action.name)) ?? {};
			// Moleculer's own, as `$node.list`.
			if (access === undefined) return next;
			if (access === "internal") {
				// moleculer-web and moleculer-io publish no action of this visibility.
				action.visibility = "public";
				return next;
			}
			const { role } = access;
			const { conversation, message, image, uploader, partner }: UserAccess = access.role === "user" ? access : { role: "user" };

			return async function (this: Service, ctx: Call) {
				const { user } = ctx.meta;
				if (!user) throw new ParleyError("UNAUTHENTICATED");
				if (user.role !== role) throw new ParleyError("FORBIDDEN");

				const conversationId = conversation && ctx.params?.[conversation];
				const messageId = message && ctx.params?.[message];
				const imageId = image && ctx.params?.[image];
				if (typeof conversationId === "string" && !(await isParticipant(ctx, conversationId, user.id)))
					throw new ParleyError("NOT_FOUND");
				if (typeof messageId === "string" && !(await isParticipant(ctx, await locate(ctx, messageId), user.id)))
					throw new ParleyError("NOT_FOUND");
				if (typeof imageId === "string" && !(await mayUseImage(ctx, imageId, user.id, uploader ?? false)))
					throw new ParleyError("NOT_FOUND");
				const partnerId = partner && ctx.params?.[partner];
				if (typeof partnerId === "string" && !(await isPartner(ctx, user.id, partnerId))) throw new ParleyError("NOT_FOUND");
				return next.call(this, ctx);
			};
		},
	};
}
