import { randomUUID } from "node:crypto";
import { type Deliveries, partnerOf } from "./load-plan.ts";
import { percentiles } from "./percentiles.ts";
import type { SendAnswer, WireMessage } from "./wire.ts";

/**
 * Records what became of every send. The last 48 bits of a clientId are the send's index, so that a received message is found
 * without a map. The other bits are random, so that the server's index on clientIds is as scattered as with real clients.
 */
export class Ledger {
	readonly clientIds: string[] = [];
	/** The seq in the answer to the sender, and the seq that the recipient received; 0 when there is none yet. */
	readonly ackedSeqs: number[] = [];
	readonly receivedSeqs: number[] = [];
	readonly #senders: number[] = [];
	readonly #sentAt: number[] = [];
	readonly #ackedAt: number[] = [];
	readonly #receivedAt: number[] = [];
	readonly #refused: Record<string, number> = {};
	#answers = 0;
	#acknowledged = 0;
	#receivedTwice = 0;
	#outOfOrder = 0;
	readonly #highestSeqs: number[] = [];

	open(sender: number): number {
		const index = this.clientIds.length;
		this.#senders.push(sender);
		this.clientIds.push(randomUUID().slice(0, 24) + index.toString(16).padStart(12, "0"));
		this.ackedSeqs.push(0);
		this.receivedSeqs.push(0);
		this.#ackedAt.push(Number.NaN);
		this.#receivedAt.push(Number.NaN);
		this.#sentAt.push(performance.now());
		return index;
	}

	answered(index: number, answer: SendAnswer): void {
		this.#answers++;
		if (!answer.ok) {
			this.#refused[answer.error.code] = (this.#refused[answer.error.code] ?? 0) + 1;
			return;
		}
		this.#acknowledged++;
		this.#ackedAt[index] = performance.now();
		this.ackedSeqs[index] = answer.message.seq;
	}

	received(recipient: number, message: WireMessage): void {
		const index = Number.parseInt(message.clientId.slice(24), 16);
		if (this.clientIds[index] !== message.clientId || this.#senders[index] !== partnerOf(recipient)) {
			throw new Error(`person ${recipient} received a message that was not for them: ${JSON.stringify(message)}`);
		}
		if (this.receivedSeqs[index] !== 0) {
			this.#receivedTwice++;
			return;
		}
		this.#receivedAt[index] = performance.now();
		this.receivedSeqs[index] = message.seq;
		if (message.seq < (this.#highestSeqs[recipient] ?? 0)) this.#outOfOrder++;
		else this.#highestSeqs[recipient] = message.seq;
	}

	/** Every send is answered, and every acknowledged one was received. */
	get isSettled(): boolean {
		return this.#answers === this.clientIds.length && this.#neverReceived() === 0;
	}

	/** Latencies are those of the messages that were sent within the window, also when they arrived after it. */
	deliveries(fromMs: number, toMs: number): Deliveries {
		const inWindow = (at: number | undefined): boolean => at !== undefined && at >= fromMs && at < toMs;
		const latencies = (ends: readonly number[]) =>
			ends
				.map((at, index) => (inWindow(this.#sentAt[index]) ? at - (this.#sentAt[index] ?? 0) : Number.NaN))
				.filter(Number.isFinite);
		return {
			sent: this.clientIds.length,
			acknowledged: this.#acknowledged,
			refused: this.#refused,
			unanswered: this.clientIds.length - this.#answers,
			delivered: this.#receivedAt.filter(inWindow).length,
			windowSeconds: (toMs - fromMs) / 1000,
			delivery: percentiles(latencies(this.#receivedAt)),
			ack: percentiles(latencies(this.#ackedAt)),
			neverReceived: this.#neverReceived(),
			receivedTwice: this.#receivedTwice,
			outOfOrder: this.#outOfOrder,
		};
	}

	#neverReceived(): number {
		let count = 0;
		for (const [index, seq] of this.ackedSeqs.entries()) if (seq !== 0 && this.receivedSeqs[index] === 0) count++;
		return count;
	}
}
