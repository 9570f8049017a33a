import type { ServiceSchema } from "moleculer";
import { callerOf } from "../../lib/access.ts";
import { fitting } from "../../lib/byte-budget.ts";
import type { ActionsOf } from "../../lib/contracts.ts";
import { Gate } from "../../lib/gate.ts";
import { sharded } from "../../lib/sharded.ts";
import { sendingTurns } from "../../lib/turns.ts";
import { checkDatabase, database, type WithDatabase } from "../../mixins/database.ts";
import { deliver, push } from "../../mixins/delivery.ts";
import { createSignImages } from "../../mixins/image-urls.ts";
import { storage, type WithStorage } from "../../mixins/storage.ts";
import { announceReading } from "./announce-reading.ts";
import { backlog } from "./backlog.ts";
import { changes } from "./changes.ts";
import { dropImage, imageUses } from "./image-uses.ts";
import { list } from "./list.ts";
import { locate } from "./locate.ts";
import { Mailbox } from "./mailbox.ts";
import { markDelivered } from "./mark-delivered.ts";
import { markRead } from "./mark-read.ts";
import { createToMessages, type ToMessages } from "./message-row.ts";
import { pick } from "./pick.ts";
import { search } from "./search/search.ts";
import { sendImage } from "./send-image.ts";
import { undelivered } from "./undelivered.ts";

interface This extends WithDatabase, WithStorage {
	mailbox: Mailbox;
	toMessages: ToMessages;
	searching: Gate;
}

/** Searches are the slowest queries: of the connections for queries they may take this many at a time. */
const maxSearches = { concurrency: 3, maxWaiting: 30 };

const actions = {
	send: {
		...sharded,
		access: { role: "user", conversation: "conversationId" },
		rateLimit: "messages",
		async handler(ctx) {
			const { imageId } = ctx.params;
			const draft = { ...ctx.params, senderId: callerOf(ctx).id, image: null };
			const { message, created } = await (imageId === null
				? this.mailbox.add(draft)
				: sendImage(this.mailbox, this.pathDb, ctx, { ...draft, imageId }));
			ctx.meta.$statusCode = created ? 201 : 200;
			ctx.meta.$location = `/conversations/${message.conversationId}/messages?after=${message.seq - 1}&limit=1`;
			return message;
		},
	},
	list: {
		access: { role: "user", conversation: "conversationId" },
		rateLimit: "queries",
		handler(ctx) {
			return list(this.db, this.toMessages, ctx.params);
		},
	},
	search: {
		access: { role: "user", conversation: "conversationId" },
		rateLimit: "queries",
		handler(ctx) {
			return this.searching.pass(() => search(this.db, this.toMessages, callerOf(ctx).id, ctx.params));
		},
	},
	markRead: {
		...sharded,
		access: { role: "user", conversation: "conversationId", message: "messageId" },
		async handler(ctx) {
			const { conversationId, seq = null } = ctx.params.messageId ? await locate(this.db, ctx.params.messageId) : ctx.params;
			const userId = callerOf(ctx).id;
			const reading = await markRead(this.pathDb, String(conversationId), userId, seq);
			await announceReading(this.broker, String(conversationId), userId, reading);
			return { conversationId: String(conversationId), readSeq: reading.readSeq, unreadCount: reading.unreadCount };
		},
	},
	markDelivered: {
		access: "internal",
		async handler(ctx) {
			const deliveries = await markDelivered(this.pathDb, ctx.params.acks);
			await deliver(
				this.broker,
				deliveries.map(({ otherId, ...delivery }) => push(delivery, { userId: otherId, event: "message_delivered" })),
			);
			return null;
		},
	},
	pick: {
		access: "internal",
		async handler(ctx) {
			const { positions, maxBytes } = ctx.params;
			const messages = await this.toMessages(await pick(this.db, positions, maxBytes));
			return messages.slice(0, fitting(messages, maxBytes));
		},
	},
	dropImage: {
		...sharded,
		access: "internal",
		async handler(ctx) {
			const position = await dropImage(this.db, ctx.params.conversationId, ctx.params.imageId);
			if (position) await ctx.emit("message.changed", position);
			return null;
		},
	},
	imageUses: {
		access: "internal",
		handler(ctx) {
			return imageUses(this.db, ctx.params.images);
		},
	},
	changes: {
		access: "internal",
		handler(ctx) {
			return changes(this.db, this.toMessages, ctx.params);
		},
	},
	undelivered: {
		access: "internal",
		async handler(ctx) {
			return { lagging: await undelivered(this.db, ctx.params.users) };
		},
	},
	backlog: {
		access: "internal",
		handler(ctx) {
			return backlog(this.db, this.toMessages, ctx.params);
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
	mixins: [database, storage],
	actions,
	created(this: This) {
		const sign = createSignImages(this.broker, this.storage);
		this.toMessages = createToMessages(sign, this.logger);
		this.searching = new Gate(maxSearches);
		this.mailbox = new Mailbox(this.broker, this.pathDb, createToMessages(sign, this.logger, sendingTurns));
	},
	async stopped(this: This) {
		await this.mailbox.drain();
	},
} as unknown as ServiceSchema;
