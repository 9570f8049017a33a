import type { ServiceSchema } from "moleculer";
import { callerOf } from "../../lib/access.ts";
import type { Batcher } from "../../lib/batcher.ts";
import type { ActionsOf } from "../../lib/contracts.ts";
import { sharded } from "../../lib/sharded.ts";
import { checkDatabase, database, type WithDatabase } from "../../mixins/database.ts";
import { deliver, push } from "../../mixins/delivery.ts";
import { announceReading } from "./announce-reading.ts";
import type { Draft, Sent } from "./append.ts";
import { changes } from "./changes.ts";
import { list } from "./list.ts";
import { locate } from "./locate.ts";
import { createMailbox } from "./mailbox.ts";
import { markDelivered } from "./mark-delivered.ts";
import { markRead } from "./mark-read.ts";
import { pick } from "./pick.ts";
import { search } from "./search/search.ts";
import { undelivered } from "./undelivered.ts";

interface This extends WithDatabase {
	mailbox: Batcher<Draft, Sent>;
}

const actions = {
	send: {
		...sharded,
		access: { role: "user", conversation: "conversationId" },
		rateLimit: "messages",
		async handler(ctx) {
			const { message, created } = await this.mailbox.add({ ...ctx.params, senderId: callerOf(ctx).id });
			ctx.meta.$statusCode = created ? 201 : 200;
			ctx.meta.$location = `/conversations/${message.conversationId}/messages?after=${message.seq - 1}&limit=1`;
			return message;
		},
	},
	list: {
		access: { role: "user", conversation: "conversationId" },
		rateLimit: "queries",
		handler(ctx) {
			return list(this.db, ctx.params);
		},
	},
	search: {
		access: { role: "user", conversation: "conversationId" },
		rateLimit: "queries",
		handler(ctx) {
			return search(this.db, callerOf(ctx).id, ctx.params);
		},
	},
	markRead: {
		...sharded,
		access: { role: "user", conversation: "conversationId", message: "messageId" },
		async handler(ctx) {
			const { conversationId, seq = null } = ctx.params.messageId ? await locate(this.db, ctx.params.messageId) : ctx.params;
			const userId = callerOf(ctx).id;
			const reading = await markRead(this.db, String(conversationId), userId, seq);
			await announceReading(this.broker, String(conversationId), userId, reading);
			return { conversationId: String(conversationId), readSeq: reading.readSeq, unreadCount: reading.unreadCount };
		},
	},
	markDelivered: {
		access: "internal",
		async handler(ctx) {
			const deliveries = await markDelivered(this.db, ctx.params.acks);
			await deliver(
				this.broker,
				deliveries.map(({ otherId, ...delivery }) => push(delivery, { userId: otherId, event: "message_delivered" })),
			);
			return null;
		},
	},
	pick: {
		access: "internal",
		handler(ctx) {
			return pick(this.db, ctx.params.positions);
		},
	},
	changes: {
		access: "internal",
		handler(ctx) {
			return changes(this.db, ctx.params);
		},
	},
	undelivered: {
		access: "internal",
		async handler(ctx) {
			return { undelivered: await undelivered(this.db, ctx.params.userIds) };
		},
	},
	locate: {
		access: "internal",
		handler(ctx) {
			return locate(this.db, ctx.params.messageId);
		},
	},
	health: {
		access: "internal",
		handler() {
			return checkDatabase(this.db);
		},
	},
} satisfies ActionsOf<"messages", This>;

export default {
	name: "messages",
	mixins: [database],
	actions,
	created(this: This) {
		this.mailbox = createMailbox(this.broker, this.db);
	},
	async stopped(this: This) {
		await this.mailbox.drain();
	},
} as unknown as ServiceSchema;
