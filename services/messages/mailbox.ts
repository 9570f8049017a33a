import type { ServiceBroker } from "moleculer";
import { Batcher } from "../../lib/batcher.ts";
import { ParleyError, publicError } from "../../lib/errors.ts";
import { Semaphore } from "../../lib/semaphore.ts";
import { isDataException } from "../../lib/sqlstate.ts";
import type { Database } from "../../mixins/database.ts";
import { announceSent } from "./announce.ts";
import { type Appended, append, appendWaiting, type Draft, type Sent } from "./append.ts";
import type { ToMessages } from "./message-row.ts";

/** Messages in one statement. */
const maxBatch = 500;

/** Sends that wait, in all and for one locked conversation. */
const maxParked = 20_000;
const maxParkedPerLocked = 1_000;

/** How many locked conversations are waited for at a time, each on its own connection, and how many more may queue. */
const lockWaits = { concurrency: 2, maxWaiting: 8 };

/** A statement that failed sooner than this on a broken connection runs again: a call has time for two attempts. */
const retryWithinMs = 1_000;

/**
 * Sends wait here for their commit. They are announced after it.
 *
 * 1. One statement stores all waiting sends, and waits for no lock. So a conversation whose row is locked (by an administrator's
 *    transaction, or by another node that handles the same conversation for a moment) does not delay the others.
 * 2. Sends to a locked conversation go to a queue of their own, which waits for the lock as long as the database lets a statement
 *    wait. While this queue exists, all sends to the conversation go through it, so that they stay in order.
 */
export class Mailbox {
	readonly #broker: ServiceBroker;
	readonly #db: Database;
	readonly #toMessages: ToMessages;
	readonly #main: Batcher<Draft, Sent>;
	/** By the id of the locked conversation. */
	readonly #lockedQueues = new Map<string, Batcher<Draft, Sent>>();
	readonly #lockWaits = new Semaphore(lockWaits);

	constructor(broker: ServiceBroker, db: Database, toMessages: ToMessages) {
		this.#broker = broker;
		this.#db = db;
		this.#toMessages = toMessages;
		this.#main = new Batcher((drafts) => this.#appendMain(drafts), { maxBatch, maxParked });
	}

	/** How many sends wait for the next statement. */
	get depth(): number {
		return this.#main.depth;
	}

	/** Resolves when the message is stored. UNAVAILABLE when too many wait, or when nothing can be stored now. */
	add(draft: Draft): Promise<Sent> {
		return this.#main.add(draft);
	}

	/** Resolves when every added send has its answer. */
	async drain(): Promise<void> {
		await this.#main.drain();
		await Promise.all([...this.#lockedQueues.values()].map((queue) => queue.drain()));
	}

	async #appendMain(drafts: Draft[]): Promise<(Sent | Error | Promise<Sent>)[]> {
		const free = drafts.filter(({ conversationId }) => !this.#lockedQueues.has(conversationId));
		const appended = free.length === 0 ? [] : await this.#appendAll(free, append);
		this.#announce(appended);
		const answerOf = new Map(free.map((draft, i) => [draft, appended[i]]));
		return drafts.map((draft) => {
			const answer = answerOf.get(draft);
			return answer === undefined || answer === "locked" ? this.#lockedQueue(draft.conversationId).add(draft) : answer;
		});
	}

	#lockedQueue(conversationId: string): Batcher<Draft, Sent> {
		const known = this.#lockedQueues.get(conversationId);
		if (known) return known;
		const queue = new Batcher<Draft, Sent>((drafts) => this.#lockWaits.run(() => this.#appendLocked(drafts)), {
			maxBatch,
			maxParked: maxParkedPerLocked,
		});
		this.#lockedQueues.set(conversationId, queue);
		// In a microtask, since the caller adds the first sends in this turn.
		queueMicrotask(() => void this.#removeWhenEmpty(conversationId, queue));
		return queue;
	}

	async #appendLocked(drafts: Draft[]): Promise<(Sent | Error)[]> {
		const appended = await this.#appendAll(drafts, appendWaiting);
		this.#announce(appended);
		return appended.map((answer) => (answer === "locked" ? new ParleyError("UNAVAILABLE") : answer));
	}

	async #removeWhenEmpty(conversationId: string, queue: Batcher<Draft, Sent>): Promise<void> {
		while (queue.depth > 0) await queue.drain();
		this.#lockedQueues.delete(conversationId);
	}

	/** Appends a batch. If PostgreSQL cannot store a value of one message, each message is appended by itself. */
	async #appendAll(drafts: Draft[], appendBatch: typeof append): Promise<Appended[]> {
		try {
			return await this.#appendWithRetry(drafts, appendBatch);
		} catch (error) {
			if (!isDataException(error) || drafts.length === 1) throw error;
			const answers: Appended[] = [];
			for (const draft of drafts) {
				const refused = (cause: unknown) => [new ParleyError("INTERNAL", { cause })];
				answers.push(...(await this.#appendAll([draft], appendBatch).catch(refused)));
			}
			return answers;
		}
	}

	/**
	 * When the connection breaks, the commit may have happened or not. So the batch runs once more over another connection: stored
	 * messages are found by their clientIds, their senders are answered, and the messages are announced.
	 */
	async #appendWithRetry(drafts: Draft[], appendBatch: typeof append): Promise<Appended[]> {
		const beginMs = performance.now();
		try {
			return await appendBatch(this.#db, this.#toMessages, drafts);
		} catch (error) {
			if (publicError(error).code !== "UNAVAILABLE" || performance.now() - beginMs > retryWithinMs) throw error;
			return appendBatch(this.#db, this.#toMessages, drafts);
		}
	}

	#announce(answers: Appended[]): void {
		announceSent(
			this.#broker,
			answers.filter((answer): answer is Sent => answer !== "locked" && !(answer instanceof Error)),
		);
	}
}
