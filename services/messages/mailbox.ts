import type { ServiceBroker } from "moleculer";
import { Batcher } from "../../lib/batcher.ts";
import { ParleyError, publicError } from "../../lib/errors.ts";
import { Semaphore } from "../../lib/semaphore.ts";
import type { Database } from "../../mixins/database.ts";
import { callsOf } from "../contracts.ts";
import { deliver, push } from "../push.ts";
import { type Appended, append, appendWaiting, type Draft, type Sent } from "./append.ts";
import type { ToMessages } from "./message-row.ts";

const maxBatch = 500;

/** Sends that wait, in all and for one conversation that is held. */
const maxParked = 20_000;
const maxParkedOfHeld = 1_000;

/** How many held conversations may be waited for at a time, each on a connection of its own, and how many wait for that. */
const held = { concurrency: 2, maxWaiting: 8 };

/** A statement that failed sooner than this on a broken connection is tried again, within the time that a call has. */
const brokeEarlyMs = 1_000;

/**
 * Where sends wait for their commit. After it, and only then, the others hear of them.
 *
 * 1. All sends that wait are stored by one statement, which waits for no lock. So a conversation whose row is held (by an
 *    administrator's transaction, or by another node that believes to own it) does not hold up the others.
 * 2. Sends to a held conversation get a lane of their own, which waits for the row as long as a statement may wait for a lock. As
 *    long as the lane exists, all sends to that conversation go through it: what somebody sends stays in order.
 */
export class Mailbox {
	readonly #broker: ServiceBroker;
	readonly #db: Database;
	readonly #toMessages: ToMessages;
	readonly #main: Batcher<Draft, Sent>;
	readonly #lanes = new Map<string, Batcher<Draft, Sent>>();
	readonly #waiting = new Semaphore(held);

	constructor(broker: ServiceBroker, db: Database, toMessages: ToMessages) {
		this.#broker = broker;
		this.#db = db;
		this.#toMessages = toMessages;
		this.#main = new Batcher((drafts) => this.#appendFree(drafts), { maxBatch, maxParked });
	}

	/** How many sends wait for the next statement. */
	get depth(): number {
		return this.#main.depth;
	}

	/** Resolves when the message is stored. UNAVAILABLE when too many wait, or when nothing can be stored now. */
	add(draft: Draft): Promise<Sent> {
		return this.#main.add(draft);
	}

	/** Resolves when all that was added is answered. */
	async drain(): Promise<void> {
		await this.#main.drain();
		await Promise.all([...this.#lanes.values()].map((lane) => lane.drain()));
	}

	async #appendFree(drafts: Draft[]): Promise<(Sent | Error | Promise<Sent>)[]> {
		const free = drafts.filter(({ conversationId }) => !this.#lanes.has(conversationId));
		const appended = free.length === 0 ? [] : await this.#appendAll(free, append);
		this.#announce(appended);
		const answerOf = new Map(free.map((draft, i) => [draft, appended[i]]));
		return drafts.map((draft) => {
			const answer = answerOf.get(draft);
			return answer === undefined || answer === "held" ? this.#laneOf(draft.conversationId).add(draft) : answer;
		});
	}

	#laneOf(conversationId: string): Batcher<Draft, Sent> {
		const known = this.#lanes.get(conversationId);
		if (known) return known;
		const lane = new Batcher<Draft, Sent>((drafts) => this.#waiting.run(() => this.#appendHeld(drafts)), {
			maxBatch,
			maxParked: maxParkedOfHeld,
		});
		this.#lanes.set(conversationId, lane);
		// When its first sends have been added, which is done in this turn.
		queueMicrotask(() => void this.#endWhenEmpty(conversationId, lane));
		return lane;
	}

	async #appendHeld(drafts: Draft[]): Promise<(Sent | Error)[]> {
		const appended = await this.#appendAll(drafts, appendWaiting);
		this.#announce(appended);
		return appended.map((answer) => (answer === "held" ? new ParleyError("UNAVAILABLE") : answer));
	}

	async #endWhenEmpty(conversationId: string, lane: Batcher<Draft, Sent>): Promise<void> {
		while (lane.depth > 0) await lane.drain();
		this.#lanes.delete(conversationId);
	}

	/** Appends a batch. Should PostgreSQL refuse one of its messages for itself, the others do not suffer for it. */
	async #appendAll(drafts: Draft[], how: typeof append): Promise<Appended[]> {
		try {
			return await this.#appendAgain(drafts, how);
		} catch (error) {
			const isBadValue = String((error as { code?: unknown }).code).startsWith("22");
			if (!isBadValue || drafts.length === 1) throw error;
			const answers: Appended[] = [];
			for (const draft of drafts) {
				const refused = (cause: unknown) => [new ParleyError("INTERNAL", { cause })];
				answers.push(...(await this.#appendAll([draft], how).catch(refused)));
			}
			return answers;
		}
	}

	/**
	 * A connection that broke says nothing about the commit. Once more over another one: what was stored is found by its clientId, so
	 * that the sender is answered, and the others hear of it.
	 */
	async #appendAgain(drafts: Draft[], how: typeof append): Promise<Appended[]> {
		const beginMs = performance.now();
		try {
			return await how(this.#db, this.#toMessages, drafts);
		} catch (error) {
			if (publicError(error).code !== "UNAVAILABLE" || performance.now() - beginMs > brokeEarlyMs) throw error;
			return how(this.#db, this.#toMessages, drafts);
		}
	}

	/**
	 * A message that was stored before is announced as well, as long as nobody has it: an answer, and with it the announcement,
	 * may have been lost after the commit. Clients drop what they have by its seq.
	 */
	#announce(answers: Appended[]): void {
		const sent = answers.filter((answer): answer is Sent => answer !== "held" && !(answer instanceof Error));
		const news = new Map(sent.filter(isNews).map((one) => [one.message.id, one]));
		if (news.size === 0) return;
		void deliver(
			this.#broker,
			[...news.values()].map(({ message, recipientId }) =>
				push(
					{ message },
					{ userId: message.senderId, event: "message_sent" },
					{ userId: recipientId, event: "message_received" },
				),
			),
		);
		const calls = callsOf(this.#broker);
		void calls.emit("message.created", {
			created: [...news.values()].map(({ message: { conversationId, seq, senderId }, recipientId }) => ({
				conversationId,
				seq,
				senderId,
				recipientId,
			})),
		});
		for (const { message } of sent.filter(({ reopened }) => reopened)) {
			void calls.emit("conversation.reopened", { conversationId: message.conversationId });
		}
	}
}

function isNews({ created, message }: Sent): boolean {
	return created || message.deliveredAt === null;
}
