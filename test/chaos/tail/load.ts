import { setTimeout as delay } from "node:timers/promises";
import type { Calls } from "../../../services/contracts.ts";
import { type Conversing, openConversation, send } from "../../support/platform.ts";

const conversations = 4;
const pauseMs = 20;

/** People who send messages, one after the other, until they are stopped. */
export class Load {
	/** Acknowledged messages. */
	sent = 0;
	/** The longest that a message waited for its acknowledgement. */
	slowestSendMs = 0;
	readonly #stopping = new AbortController();
	readonly #sending: Promise<unknown>;

	private constructor(calls: Calls, pairs: Conversing[]) {
		this.#sending = Promise.all(pairs.map((pair) => this.#sendOn(calls, pair)));
		// `stop` reports it.
		this.#sending.catch(() => {});
	}

	static async start(calls: Calls): Promise<Load> {
		const pairs: Conversing[] = [];
		for (let n = 0; n < conversations; n++) pairs.push(await openConversation(calls));
		return new Load(calls, pairs);
	}

	/** Resolves when every message was acknowledged. */
	async stop(): Promise<void> {
		this.#stopping.abort();
		await this.#sending;
	}

	async #sendOn(calls: Calls, { conversationId, applicantId }: Conversing): Promise<void> {
		while (!this.#stopping.signal.aborted) {
			const fromMs = performance.now();
			await send(calls, conversationId, applicantId);
			this.sent++;
			this.slowestSendMs = Math.max(this.slowestSendMs, performance.now() - fromMs);
			await delay(pauseMs);
		}
	}
}
