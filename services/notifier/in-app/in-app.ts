import { LRUCache } from "lru-cache";
import { Coalescer } from "../../../lib/coalescer.ts";
import { deliver, push } from "../../push.ts";
import { InAppContent, type InAppOptions, type Told } from "./in-app-content.ts";

/** `seq` is null when the person has read the conversation. */
interface Change extends Omit<Told, "seq"> {
	seq: number | null;
}

/** The shortest time between two flushes. The first one after a pause begins at once. */
const flushIntervalMs = 250;

/** The shortest time between two notifications of one conversation. */
const paceMs = 1_000;

/** Of how many conversations it is known when their last notification was, and how many may wait at a time. */
const maxPaced = 50_000;
const maxWaiting = 50_000;

/**
 * Notifications to people who have the app open. They are not stored: one that is lost, or too many at once, is dropped, since clients
 * learn from unread counts and `sync` what is unread.
 *
 * 1. A conversation's first notification goes with the next flush. Later ones wait until `paceMs` have passed; only the newest goes.
 * 2. Clearings and notifications go through the same flushes, clearings first. What is unread is asked after that. So a clearing of
 *    this node never takes away what came after the reading, and what was read while it waited is not sent.
 * 3. Clearings always go, since another node may have sent the notification. A notification by another node may come after the
 *    clearing; clients see from its seq that they have read it.
 */
export class InApp {
	readonly #broker: InAppOptions["broker"];
	readonly #content: InAppContent;
	readonly #sending: Coalescer<Change>;
	/** Messages that came too soon after the last one of their conversation. Its flushes try them again. */
	readonly #held: Coalescer<Told>;
	readonly #startedLately = new LRUCache<string, true>({ max: maxPaced, ttl: paceMs });
	#isStopping = false;

	constructor(options: InAppOptions) {
		this.#broker = options.broker;
		this.#content = new InAppContent(options);
		this.#sending = new Coalescer((changes) => this.#send(changes), flushIntervalMs);
		this.#held = new Coalescer(async (rows) => this.told(rows), paceMs);
	}

	/** These people got these messages. Returns at once. */
	told(rows: readonly Told[]): void {
		for (const row of rows) {
			const key = keyOf(row);
			const isTooSoon = this.#startedLately.has(key) && !this.#isStopping;
			const queue: Coalescer<Change> | Coalescer<Told> = isTooSoon ? this.#held : this.#sending;
			if (queue.size >= maxWaiting || (queue.get(key)?.seq ?? 0) >= row.seq) continue;
			if (!isTooSoon) this.#startedLately.set(key, true);
			queue.set(key, row);
		}
	}

	/** The person has read the conversation, at least a part of it. Returns at once. */
	read(userId: string, conversationId: string): void {
		if (this.#sending.size >= maxWaiting) return;
		this.#sending.set(`read ${keyOf({ conversationId, userId })}`, { conversationId, userId, seq: null });
	}

	/** To be called once, before the service stops. Resolves when everything that waits has been sent. */
	async stop(): Promise<void> {
		this.#isStopping = true;
		await this.#held.drain();
		await this.#sending.drain();
	}

	async #send(changes: Change[]): Promise<void> {
		try {
			const cleared = changes.filter(({ seq }) => seq === null);
			await deliver(
				this.#broker,
				cleared.map(({ conversationId, userId }) =>
					push<"notification_cleared">({ conversationId }, { userId, event: "notification_cleared" }),
				),
			);
			const told = changes.flatMap(({ seq, ...row }) => (seq === null ? [] : [{ ...row, seq }]));
			await deliver(this.#broker, await this.#content.pushesFor(told));
		} catch (error) {
			this.#broker.logger.warn("Notifications in the app were dropped:", error);
		}
	}
}

const keyOf = ({ conversationId, userId }: Omit<Told, "seq">) => `${conversationId} ${userId}`;
