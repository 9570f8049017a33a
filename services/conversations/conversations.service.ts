import { callerOf } from "../../lib/access.ts";
import { Coalescer } from "../../lib/coalescer.ts";
import { every, type Repeated } from "../../lib/every.ts";
import { checkDatabase, database, type WithDatabase } from "../../mixins/database.ts";
import { defineService } from "../service.ts";
import { sharded } from "../sharded.ts";
import { announceConversation, announceUnread } from "./announce.ts";
import { announceRenames } from "./announce-renames.ts";
import { archive, reopen } from "./archive.ts";
import { create } from "./create.ts";
import { get, getRow } from "./get.ts";
import { list } from "./list.ts";
import { metadata } from "./metadata.ts";
import { mute } from "./mute.ts";
import { partners, share } from "./partners.ts";
import { sync } from "./sync.ts";
import { unreadCount } from "./unread.ts";

interface This extends WithDatabase {
	/** Whose unread counts are to be announced. */
	changedCounts: Coalescer<{ userId: string; conversationId: string }>;
	/** Set once the service has started. */
	renames: Repeated | undefined;
}

/** The shortest time between two announcements of unread counts. */
const countsIntervalMs = 250;

/** How often new names and titles are announced when their event was lost. */
const renamesIntervalMs = 5_000;

function recount(service: This, userId: string, conversationId: string): void {
	service.changedCounts.set(`${conversationId} ${userId}`, { userId, conversationId });
}

export default defineService<"conversations", This>("conversations", {
	mixins: [database],
	actions: {
		create: {
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
			handler(ctx) {
				return list(this.db, ctx, callerOf(ctx).id, ctx.params);
			},
		},
		get: {
			handler(ctx) {
				return get(this.db, ctx, ctx.params.conversationId, callerOf(ctx).id);
			},
		},
		metadata: {
			handler(ctx) {
				return metadata(this.db, ctx, ctx.params.conversationId);
			},
		},
		sync: {
			handler(ctx) {
				return sync(this.db, ctx, callerOf(ctx).id, ctx.params.since);
			},
		},
		archive: {
			...sharded,
			async handler(ctx) {
				const caller = callerOf(ctx);
				const { conversationId } = ctx.params;
				if (await archive(this.db, conversationId, caller.id)) await announceConversation(this.broker, this.db, conversationId);
				return get(this.db, ctx, conversationId, caller.id);
			},
		},
		reopen: {
			...sharded,
			async handler(ctx) {
				const { conversationId } = ctx.params;
				if (await reopen(this.db, conversationId)) await announceConversation(this.broker, this.db, conversationId);
				return get(this.db, ctx, conversationId, callerOf(ctx).id);
			},
		},
		mute: {
			...sharded,
			async handler(ctx) {
				const caller = callerOf(ctx);
				await mute(this.db, ctx.params.conversationId, caller.id, ctx.params.until);
				return get(this.db, ctx, ctx.params.conversationId, caller.id);
			},
		},
		unreadCount: {
			async handler(ctx) {
				return { count: await unreadCount(this.db, callerOf(ctx).id, ctx.params.conversationId ?? null) };
			},
		},
		participants: {
			async handler(ctx) {
				const row = await getRow(this.db, ctx.params.conversationId);
				return { userIds: [row.user1_id, row.user2_id] };
			},
		},
		share: {
			async handler(ctx) {
				return { shared: await share(this.db, ctx.params.userId, ctx.params.partnerId) };
			},
		},
		partners: {
			handler(ctx) {
				return partners(this.db, ctx.params.userIds);
			},
		},
		health: {
			handler() {
				return checkDatabase(this.db);
			},
		},
	},
	events: {
		"message.created": {
			async handler(ctx) {
				for (const { conversationId, recipientId } of ctx.params.created) recount(this, recipientId, conversationId);
			},
		},
		"conversation.read": {
			async handler(ctx) {
				recount(this, ctx.params.userId, ctx.params.conversationId);
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
				this.renames?.now();
			},
		},
		"application.renamed": {
			async handler() {
				this.renames?.now();
			},
		},
	},
	created() {
		this.changedCounts = new Coalescer(async (pairs) => {
			try {
				await announceUnread(this.broker, this.db, pairs);
			} catch (error) {
				this.logger.warn("Could not announce unread counts:", error);
			}
		}, countsIntervalMs);
	},
	async started() {
		const failed = (error: unknown) => this.logger.warn("Could not announce new names, will try again:", error);
		this.renames = every(renamesIntervalMs, (signal) => announceRenames(this.broker, this.db, signal), failed);
	},
	async stopped() {
		await this.renames?.stop();
		await this.changedCounts.drain();
	},
});
