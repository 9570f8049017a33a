import type { ServiceSchema } from "moleculer";
import { callerOf } from "../../lib/access.ts";
import { Coalescer } from "../../lib/coalescer.ts";
import type { ActionsOf, EventsOf } from "../../lib/contracts.ts";
import { sharded } from "../../lib/sharded.ts";
import { Sweep } from "../../lib/sweep.ts";
import { checkDatabase, database, type WithDatabase } from "../../mixins/database.ts";
import { announceConversation, announceUnread } from "./announce.ts";
import { archive, reopen } from "./archive.ts";
import { create } from "./create.ts";
import { followNames } from "./follow-names.ts";
import { get, getRow } from "./get.ts";
import { list } from "./list.ts";
import { metadata } from "./metadata.ts";
import { mute } from "./mute.ts";
import { partners, share } from "./partners.ts";
import { sync } from "./sync.ts";
import { unreadCount } from "./unread.ts";

interface This extends WithDatabase {
	unread: Coalescer<{ userId: string; conversationId: string }>;
	names: Sweep;
}

/** How often a user hears a new unread count at the most. */
const unreadIntervalMs = 250;

/** How often new names and titles are looked for, should the event have been lost. */
const namesIntervalMs = 5_000;

const participant = { role: "user", conversation: "conversationId" } as const;

const actions = {
	create: {
		access: { role: "user" },
		rateLimit: "conversations",
		async handler(ctx) {
			const caller = callerOf(ctx);
			const { conversationId, userIds, created } = await create(this.db, ctx, ctx.params.jobApplicationId, caller.id);
			if (created) {
				await announceConversation(this.broker, this.db, conversationId);
				void ctx.emit("conversation.created", { conversationId, userIds });
			}
			ctx.meta.$statusCode = created ? 201 : 200;
			ctx.meta.$location = `/conversations/${conversationId}`;
			return get(this.db, ctx, conversationId, caller.id);
		},
	},
	list: {
		access: { role: "user" },
		rateLimit: "queries",
		handler(ctx) {
			return list(this.db, ctx, callerOf(ctx).id, ctx.params);
		},
	},
	get: {
		access: participant,
		rateLimit: "queries",
		handler(ctx) {
			return get(this.db, ctx, ctx.params.conversationId, callerOf(ctx).id);
		},
	},
	metadata: {
		access: participant,
		rateLimit: "queries",
		handler(ctx) {
			return metadata(this.db, ctx, ctx.params.conversationId);
		},
	},
	sync: {
		access: { role: "user" },
		rateLimit: "queries",
		handler(ctx) {
			return sync(this.db, ctx, callerOf(ctx).id, ctx.params.since);
		},
	},
	archive: {
		...sharded,
		access: participant,
		async handler(ctx) {
			const caller = callerOf(ctx);
			const { conversationId } = ctx.params;
			if (await archive(this.db, conversationId, caller.id)) await announceConversation(this.broker, this.db, conversationId);
			return get(this.db, ctx, conversationId, caller.id);
		},
	},
	reopen: {
		...sharded,
		access: participant,
		async handler(ctx) {
			const { conversationId } = ctx.params;
			if (await reopen(this.db, conversationId)) await announceConversation(this.broker, this.db, conversationId);
			return get(this.db, ctx, conversationId, callerOf(ctx).id);
		},
	},
	mute: {
		...sharded,
		access: participant,
		async handler(ctx) {
			const caller = callerOf(ctx);
			await mute(this.db, ctx.params.conversationId, caller.id, ctx.params.until);
			return get(this.db, ctx, ctx.params.conversationId, caller.id);
		},
	},
	unreadCount: {
		access: participant,
		rateLimit: "queries",
		async handler(ctx) {
			return { count: await unreadCount(this.db, callerOf(ctx).id, ctx.params.conversationId ?? null) };
		},
	},
	participants: {
		access: "internal",
		async handler(ctx) {
			const row = await getRow(this.db, ctx.params.conversationId);
			return { userIds: [row.user1_id, row.user2_id] };
		},
	},
	share: {
		access: "internal",
		async handler(ctx) {
			return { shared: await share(this.db, ctx.params.userId, ctx.params.partnerId) };
		},
	},
	partners: {
		access: "internal",
		handler(ctx) {
			return partners(this.db, ctx.params.userIds);
		},
	},
	health: {
		access: "internal",
		handler() {
			return checkDatabase(this.db);
		},
	},
} satisfies ActionsOf<"conversations", This>;

const events = {
	"message.created": {
		async handler(ctx) {
			for (const { conversationId, recipientId } of ctx.params.created) countAnew(this, recipientId, conversationId);
		},
	},
	"conversation.read": {
		async handler(ctx) {
			countAnew(this, ctx.params.userId, ctx.params.conversationId);
		},
	},
	"message.changed": {
		handler(ctx) {
			return announceConversation(this.broker, this.db, ctx.params.conversationId);
		},
	},
	"conversation.reopened": {
		handler(ctx) {
			return announceConversation(this.broker, this.db, ctx.params.conversationId);
		},
	},
	"user.renamed": {
		async handler() {
			this.names.look();
		},
	},
	"application.renamed": {
		async handler() {
			this.names.look();
		},
	},
} satisfies EventsOf<
	"message.created" | "message.changed" | "conversation.read" | "conversation.reopened" | "user.renamed" | "application.renamed",
	This
>;

function countAnew(service: This, userId: string, conversationId: string): void {
	service.unread.set(`${conversationId} ${userId}`, { userId, conversationId });
}

export default {
	name: "conversations",
	mixins: [database],
	actions,
	events,
	created(this: This) {
		this.unread = new Coalescer(async (pairs) => {
			try {
				await announceUnread(this.broker, this.db, pairs);
			} catch (error) {
				this.logger.warn("Could not announce unread counts:", error);
			}
		}, unreadIntervalMs);
		this.names = new Sweep(async (signal) => {
			try {
				await followNames(this.broker, this.db, signal);
			} catch (error) {
				if (!signal.aborted) this.logger.warn("Could not tell of new names, and will try again:", error);
			}
		}, namesIntervalMs);
	},
	async started(this: This) {
		this.names.start();
	},
	async stopped(this: This) {
		await this.names.stop();
		await this.unread.drain();
	},
} as unknown as ServiceSchema;
