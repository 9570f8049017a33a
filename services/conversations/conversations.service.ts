import { callerOf } from "../../lib/access.ts";
import { Coalescer } from "../../lib/coalescer.ts";
import { every, type Repeated } from "../../lib/every.ts";
import { checkDatabase, database, type WithDatabase } from "../../mixins/database.ts";
import { redis, type WithRedis } from "../../mixins/redis.ts";
import { defineService } from "../service.ts";
import { sharded } from "../sharded.ts";
import { announceConversation, announceUnread } from "./announce.ts";
import { announceRenames } from "./announce-renames.ts";
import { archive, reopen } from "./archive.ts";
import { create } from "./create.ts";
import { get, getRow } from "./get.ts";
import { levels } from "./levels.ts";
import { list } from "./list.ts";
import { Metadata } from "./metadata.ts";
import { mute } from "./mute.ts";
import { partners, share } from "./partners.ts";
import { sync } from "./sync.ts";
import { unreadCount } from "./unread.ts";
import { UnreadTotals } from "./unread-totals.ts";

interface This extends WithDatabase, WithRedis {
	figures: Metadata;
	/** Whose unread counts are to be announced. */
	changedCounts: Coalescer<{ userId: string; conversationId: string }>;
	/** These are set once the service has started. */
	unreadTotals: UnreadTotals;
	renames: Repeated | undefined;
	refreshing: Repeated | undefined;
}

/** The shortest time between two announcements of unread counts. */
const countsIntervalMs = 250;

/** How often new names and titles are announced when their event was lost. */
const renamesIntervalMs = 5_000;

/** How often saved unread totals are brought up to date. */
const refreshIntervalMs = 2_000;

function recount(service: This, userId: string, conversationId: string): void {
	service.changedCounts.set(`${conversationId} ${userId}`, { userId, conversationId });
}

export default defineService<"conversations", This>("conversations", {
	mixins: [database, redis],
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
				return this.figures.of(ctx, ctx.params.conversationId);
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
				const { id: userId } = callerOf(ctx);
				const { conversationId, until } = ctx.params;
				await mute(this.db, conversationId, userId, until);
				void ctx.emit("conversation.muted", { conversationId, userId });
				return get(this.db, ctx, conversationId, userId);
			},
		},
		unreadCount: {
			async handler(ctx) {
				return { count: await unreadCount(this.db, this.unreadTotals, callerOf(ctx).id, ctx.params.conversationId ?? null) };
			},
		},
		participants: {
			async handler(ctx) {
				const row = await getRow(this.db, ctx.params.conversationId);
				return { userIds: [row.user1_id, row.user2_id] };
			},
		},
		levels: {
			handler(ctx) {
				return levels(this.db, ctx.params.pairs);
			},
		},
		totals: {
			async handler(ctx) {
				const totals = await this.unreadTotals.of(ctx.params.userIds);
				return Object.fromEntries([...totals].map(([userId, { total }]) => [userId, total]));
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
		this.figures = new Metadata(this.db);
		this.changedCounts = new Coalescer(async (pairs) => {
			try {
				await announceUnread(this.broker, this.db, this.unreadTotals, pairs);
			} catch (error) {
				this.logger.warn("Could not announce unread counts:", error);
			}
		}, countsIntervalMs);
	},
	async started() {
		const failed = (error: unknown) => this.logger.warn("Could not announce new names, will try again:", error);
		this.renames = every(renamesIntervalMs, (signal) => announceRenames(this.broker, this.db, signal), failed);
		this.unreadTotals = new UnreadTotals(this.db, this.redis, this.logger);
		this.refreshing = every(
			refreshIntervalMs,
			() => this.unreadTotals.refresh(),
			(error) => this.logger.debug("Saved unread totals are not brought up to date:", error),
		);
	},
	async stopped() {
		await Promise.all([this.renames?.stop(), this.refreshing?.stop()]);
		await this.changedCounts.drain();
	},
});
