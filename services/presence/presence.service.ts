import { callerOf } from "../../lib/access.ts";
import { every, type Repeated } from "../../lib/every.ts";
import { redis, type WithRedis } from "../../mixins/redis.ts";
import { defineService } from "../service.ts";
import { announcePresence, announceTyping, introduce } from "./announce.ts";
import { announceChanges } from "./announce-changes.ts";
import type { Presence } from "./presence.contract.ts";
import { Registry } from "./registry.ts";
import { Typing } from "./typing.ts";
import { Watch } from "./watch.ts";

interface This extends WithRedis {
	registry: Registry;
	watch: Watch;
	typing: Typing;
	announcing: Repeated;
	sweeps: Repeated[];
}

/** How often it is looked which gateways have gone, of whom something is to be told, and who has stopped typing. */
const sweepIntervalMs = 500;

/** A gateway that falls silent renews within this time if it is there after all: every 5 s, and some time to repeat it. */
const silentMs = 7_500;

export default defineService<"presence", This>("presence", {
	mixins: [redis],
	actions: {
		report: {
			async handler(ctx) {
				const { nodeId, number, users, since } = ctx.params;
				await this.registry.report(nodeId, number, users);
				if (since !== undefined) await this.registry.complete(nodeId, since);
				// The gateway waits for its place in the registry, not for what others are told.
				this.announcing.now();
				return null;
			},
		},
		renew: {
			async handler(ctx) {
				return { known: await this.registry.renew(ctx.params.nodeId, ctx.params.digest) };
			},
		},
		locate: {
			handler(ctx) {
				return this.registry.locate(ctx.params.userIds);
			},
		},
		get: {
			async handler(ctx) {
				const [presence] = await this.watch.lookup([ctx.params.userId]);
				return presence as Presence;
			},
		},
		lookup: {
			handler(ctx) {
				return this.watch.lookup(ctx.params.userIds);
			},
		},
		typists: {
			async handler(ctx) {
				return { userIds: await this.typing.among(ctx.params.conversationId, ctx.params.userIds) };
			},
		},
		typing: {
			async handler(ctx) {
				const { conversationId, typing } = ctx.params;
				const typist = { conversationId, userId: callerOf(ctx).id };
				const isNews = typing ? await this.typing.start(typist) : (await this.typing.stop([typist])).length > 0;
				if (isNews) await announceTyping(this.broker, [typist], typing);
				return null;
			},
		},
	},
	events: {
		"message.created": {
			async handler(ctx) {
				const typists = ctx.params.created.map(({ conversationId, senderId }) => ({ conversationId, userId: senderId }));
				await announceTyping(this.broker, await this.typing.stop(typists), false);
			},
		},
		/** Each was told of before they shared a conversation: to others. */
		"conversation.created": {
			async handler(ctx) {
				await introduce(this.broker, await this.watch.lookup(ctx.params.userIds));
			},
		},
		/** Whoever only fell silent may be slow, or out of reach for this node alone. */
		"$node.disconnected": {
			async handler(ctx) {
				await this.registry.shortenLease(ctx.params.node.id, ctx.params.unexpected ? silentMs : 0);
			},
		},
	},
	async started() {
		this.registry = new Registry(this.redis);
		this.watch = new Watch(this.redis, this.registry);
		this.typing = new Typing(this.redis);
		const failed = (error: unknown) => this.logger.debug("A sweep failed and is done again:", error);
		const announce = (presences: Presence[]) => announcePresence(this.broker, presences);
		this.announcing = every(sweepIntervalMs, (signal) => announceChanges(this.watch, announce, signal), failed);
		this.sweeps = [
			this.announcing,
			every(sweepIntervalMs, (signal) => removeLapsed(this.registry, signal), failed),
			every(sweepIntervalMs, async () => announceTyping(this.broker, await this.typing.lapsed(), false), failed),
		];
	},
	async stopped() {
		await Promise.all((this.sweeps ?? []).map((sweep) => sweep.stop()));
	},
});

async function removeLapsed(registry: Registry, signal: AbortSignal): Promise<void> {
	for (const nodeId of await registry.lapsed()) await registry.remove(nodeId, () => !signal.aborted);
}
