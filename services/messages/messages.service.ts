import { callerOf } from "../../lib/access.ts";
import { fitting } from "../../lib/byte-budget.ts";
import { every, type Repeated } from "../../lib/every.ts";
import { Semaphore } from "../../lib/semaphore.ts";
import { sendingTurns } from "../../lib/turns.ts";
import { checkDatabase, database, type WithDatabase } from "../../mixins/database.ts";
import { storage, type WithStorage } from "../../mixins/storage.ts";
import { TailReader } from "../../mixins/tail-reader.ts";
import { createSignImages } from "../image-urls.ts";
import { defineService } from "../service.ts";
import { sharded } from "../sharded.ts";
import { announceDeliveries, announceReading } from "./announce.ts";
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
import { indexMessages } from "./search/index-messages.ts";
import { rebuildIndex } from "./search/rebuild-index.ts";
import { search } from "./search/search.ts";
import { createLanguagesOf } from "./search/sender-languages.ts";
import { sendImage } from "./send-image.ts";
import { storedContent } from "./stored-content.ts";
import { undelivered } from "./undelivered.ts";

interface This extends WithDatabase, WithStorage {
	mailbox: Mailbox;
	toMessages: ToMessages;
	searching: Semaphore;
	searchIndex: TailReader<"messages">;
	rebuilding: Repeated | undefined;
}

/** Searches are the slowest queries. They may use this many of the connections for queries at a time. */
const maxSearches = { concurrency: 3, maxWaiting: 30 };

const rebuildIntervalMs = 60 * 60 * 1_000;

export default defineService<"messages", This>("messages", {
	mixins: [database, storage],
	actions: {
		send: {
			...sharded,
			async handler(ctx) {
				const { imageId } = ctx.params;
				const draft = { ...ctx.params, content: storedContent(ctx.params), senderId: callerOf(ctx).id, image: null };
				const { message, created } = await (imageId === null
					? this.mailbox.add(draft)
					: sendImage(this.mailbox, this.pathDb, ctx, { ...draft, imageId }));
				ctx.meta.$statusCode = created ? 201 : 200;
				ctx.meta.$location = `/conversations/${message.conversationId}/messages?after=${message.seq - 1}&limit=1`;
				return message;
			},
		},
		list: {
			handler(ctx) {
				return list(this.db, this.toMessages, ctx.params);
			},
		},
		search: {
			handler(ctx) {
				return this.searching.run(() => search(this.db, this.toMessages, callerOf(ctx).id, ctx.params));
			},
		},
		markRead: {
			...sharded,
			async handler(ctx) {
				const { conversationId, seq = null } = ctx.params.messageId ? await locate(this.db, ctx.params.messageId) : ctx.params;
				const userId = callerOf(ctx).id;
				const reading = await markRead(this.pathDb, String(conversationId), userId, seq);
				await announceReading(this.broker, String(conversationId), userId, reading);
				return { conversationId: String(conversationId), readSeq: reading.readSeq, unreadCount: reading.unreadCount };
			},
		},
		markDelivered: {
			async handler(ctx) {
				await announceDeliveries(this.broker, await markDelivered(this.pathDb, ctx.params.acks));
				return null;
			},
		},
		pick: {
			async handler(ctx) {
				const { positions, maxBytes } = ctx.params;
				const messages = await this.toMessages(await pick(this.db, positions, maxBytes));
				return messages.slice(0, fitting(messages, maxBytes));
			},
		},
		dropImage: {
			...sharded,
			async handler(ctx) {
				const position = await dropImage(this.db, ctx.params.conversationId, ctx.params.imageId);
				if (position) await ctx.emit("message.changed", position);
				return null;
			},
		},
		imageUses: {
			handler(ctx) {
				return imageUses(this.db, ctx.params.images);
			},
		},
		changes: {
			handler(ctx) {
				return changes(this.db, this.toMessages, ctx.params);
			},
		},
		undelivered: {
			async handler(ctx) {
				return { lagging: await undelivered(this.db, ctx.params.users) };
			},
		},
		backlog: {
			handler(ctx) {
				return backlog(this.db, this.toMessages, ctx.params);
			},
		},
		locate: {
			handler(ctx) {
				return locate(this.db, ctx.params.messageId);
			},
		},
		health: {
			handler() {
				return checkDatabase(this.db);
			},
		},
	},
	created() {
		const sign = createSignImages(this.broker, this.storage);
		this.toMessages = createToMessages(sign, this.logger);
		this.searching = new Semaphore(maxSearches);
		this.mailbox = new Mailbox(this.broker, this.pathDb, createToMessages(sign, this.logger, sendingTurns));
		const languagesOf = createLanguagesOf(this.broker);
		this.searchIndex = new TailReader(this.db, this.logger, {
			name: "search",
			source: "messages",
			// The index costs about as much CPU time as storing a message. Under full load it falls behind instead of slowing sends down:
			// with this share a send costs about a twentieth more (bench/README.md).
			maxShare: 0.15,
			metrics: this.broker.metrics,
			work: (rows, transaction) => indexMessages(rows, transaction, languagesOf),
		});
	},
	async started() {
		this.searchIndex.start();
		this.rebuilding = every(
			rebuildIntervalMs,
			async (signal) => {
				if (await rebuildIndex(this.db, signal))
					this.logger.info("The full-text index was rebuilt without words of erased messages");
			},
			(error) => this.logger.warn("The full-text index could not be rebuilt, and will be tried again within an hour:", error),
		);
		this.rebuilding.now();
	},
	async stopped() {
		await Promise.all([this.rebuilding?.stop(), this.searchIndex.stop()]);
		await this.mailbox.drain();
	},
});
