import type { ServiceSchema } from "moleculer";
import { callerOf } from "../../lib/access.ts";
import type { ActionsOf, EventsOf } from "../../lib/contracts.ts";
import { redis, type WithRedis } from "../../mixins/redis.ts";
import { announcePresence, announceTyping } from "./announce.ts";
import type { Presence } from "./presence.contract.ts";
import { Registry } from "./registry.ts";
import { Typing } from "./typing.ts";
import { Watch } from "./watch.ts";

interface This extends WithRedis {
	registry: Registry;
	watch: Watch;
	typing: Typing;
	sweep: NodeJS.Timeout;
	lookAround(): Promise<void>;
	forgetGateway(nodeId: string): Promise<void>;
}

/** How often it is looked who has left, which gateways have gone, and who has stopped typing. */
const sweepIntervalMs = 500;

const actions = {
	report: {
		access: "internal",
		async handler(ctx) {
			const { nodeId, users, complete } = ctx.params;
			await this.registry.report(nodeId, users, complete);
			const news = await this.watch.changed(users.map(({ userId }) => userId));
			// The gateway waits for its place in the registry, not for what others are told.
			announcePresence(this.broker, news).catch((error) => this.logger.warn("Could not announce presence:", error));
			return null;
		},
	},
	renew: {
		access: "internal",
		async handler(ctx) {
			return { known: await this.registry.renew(ctx.params.nodeId) };
		},
	},
	locate: {
		access: "internal",
		handler(ctx) {
			return this.registry.locate(ctx.params.userIds);
		},
	},
	get: {
		access: { role: "user", partner: "userId" },
		rateLimit: "queries",
		async handler(ctx) {
			const [presence] = await this.watch.lookup([ctx.params.userId]);
			return presence as Presence;
		},
	},
	lookup: {
		access: "internal",
		handler(ctx) {
			return this.watch.lookup(ctx.params.userIds);
		},
	},
	typing: {
		access: { role: "user", conversation: "conversationId" },
		async handler(ctx) {
			const { conversationId, typing } = ctx.params;
			const typist = { conversationId, userId: callerOf(ctx).id };
			const isNews = typing ? await this.typing.start(typist) : (await this.typing.stop([typist])).length > 0;
			if (isNews) await announceTyping(this.broker, [typist], typing);
			return null;
		},
	},
} satisfies ActionsOf<"presence", This>;

const events = {
	"message.created": {
		async handler(ctx) {
			const typists = ctx.params.created.map(({ conversationId, senderId }) => ({ conversationId, userId: senderId }));
			await announceTyping(this.broker, await this.typing.stop(typists), false);
		},
	},
} satisfies EventsOf<"message.created", This>;

export default {
	name: "presence",
	mixins: [redis],
	actions,
	events: {
		...events,
		/** Moleculer's own: the node was told to leave, or its heartbeats have stopped. */
		"$node.disconnected": {
			async handler(this: This, ctx: { params: { node: { id: string } } }) {
				await this.forgetGateway(ctx.params.node.id);
			},
		},
	},
	methods: {
		async lookAround(this: This) {
			for (const nodeId of await this.registry.lapsed()) await this.forgetGateway(nodeId);
			await announcePresence(this.broker, await this.watch.left());
			await announceTyping(this.broker, await this.typing.lapsed(), false);
		},
		async forgetGateway(this: This, nodeId: string) {
			const userIds = await this.registry.forget(nodeId);
			await announcePresence(this.broker, await this.watch.changed(userIds));
		},
	},
	async started(this: This) {
		this.registry = new Registry(this.redis);
		this.watch = new Watch(this.redis, this.registry);
		this.typing = new Typing(this.redis);
		this.sweep = setInterval(() => {
			this.lookAround().catch((error) => this.logger.debug("Could not look around:", error));
		}, sweepIntervalMs);
	},
	async stopped(this: This) {
		clearInterval(this.sweep);
	},
} as unknown as ServiceSchema;
