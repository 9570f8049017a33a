import { callerOf } from "../../lib/access.ts";
import { every, type Repeated } from "../../lib/every.ts";
import { redis, type WithRedis } from "../../mixins/redis.ts";
import { defineService } from "../service.ts";
import { announcePresence, announceToEachOther, announceTyping } from "./announce.ts";
import { announceChanges } from "./announce-changes.ts";
import { Announcements } from "./announcements.ts";
import type { Presence } from "./presence.contract.ts";
import { Registry } from "./registry.ts";
import { Typing } from "./typing.ts";

interface This extends WithRedis {
	registry: Registry;
	announcements: Announcements;
	typing: Typing;
	announcing: Repeated;
	sweeps: Repeated[];
}

/** How often expired leases, changes to announce, and people who have stopped typing are looked up. */
const sweepIntervalMs = 500;

/** A gateway that was disconnected unexpectedly must renew its lease within this time: it renews every 5 s, and may repeat that. */
const suspectLeaseMs = 7_500;

export default defineService<"presence", This>("presence", {
	mixins: [redis],
	actions: {
		report: {
			async handler(ctx) {
				const { nodeId, number, users, since } = ctx.params;
				await this.registry.report(nodeId, number, users);
				if (since !== undefined) await this.registry.complete(nodeId, since);
				// The gateway waits for the registry, not for the announcements.
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
				const [presence] = await this.announcements.lookup([ctx.params.userId]);
				return presence as Presence;
			},
		},
		lookup: {
			handler(ctx) {
				return this.announcements.lookup(ctx.params.userIds);
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
				const hasChanged = typing ? await this.typing.start(typist) : (await this.typing.stop([typist])).length > 0;
				if (hasChanged) await announceTyping(this.broker, [typist], typing);
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
		/** Earlier announcements about the participants did not go to each other. */
		"conversation.created": {
			async handler(ctx) {
				await announceToEachOther(this.broker, await this.announcements.lookup(ctx.params.userIds));
			},
		},
		/** After an unexpected disconnect the gateway may only be slow, or unreachable for this node alone. */
		"$node.disconnected": {
			async handler(ctx) {
				await this.registry.shortenLease(ctx.params.node.id, ctx.params.unexpected ? suspectLeaseMs : 0);
			},
		},
	},
	async started() {
		this.registry = new Registry(this.redis);
		this.announcements = new Announcements(this.redis, this.registry);
		this.typing = new Typing(this.redis);
		const failed = (error: unknown) => this.logger.debug("A periodic task failed and runs again:", error);
		const announce = (presences: Presence[]) => announcePresence(this.broker, presences);
		this.announcing = every(sweepIntervalMs, (signal) => announceChanges(this.announcements, announce, signal), failed);
		this.sweeps = [
			this.announcing,
			every(sweepIntervalMs, (signal) => removeExpired(this.registry, signal), failed),
			every(sweepIntervalMs, async () => announceTyping(this.broker, await this.typing.takeExpired(), false), failed),
		];
	},
	async stopped() {
		await Promise.all((this.sweeps ?? []).map((sweep) => sweep.stop()));
	},
});

async function removeExpired(registry: Registry, signal: AbortSignal): Promise<void> {
	for (const nodeId of await registry.expired()) await registry.remove(nodeId, () => !signal.aborted);
}
