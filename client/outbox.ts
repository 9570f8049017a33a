import { backoffMs } from "./backoff.ts";
import { isPassing, ParleyApiError } from "./errors.ts";
import type { ClientEvents, Message } from "./types.ts";

export type OutgoingMessage = ClientEvents["send_message"]["payload"];

/** Makes one attempt to send a message. */
export type SendOnce = (message: OutgoingMessage) => Promise<Message>;

/** The longest pause between attempts is this many times the first. */
const maxPauseFactor = 16;

/**
 * Messages that the server has not acknowledged yet. Each goes out again, with the same clientId, until it is acknowledged or
 * refused for good, in the order in which the messages of a conversation were sent:
 *
 * 1. While all goes well, nothing waits for the acknowledgement of what was sent before.
 * 2. When an attempt fails, nothing more goes out until all attempts that are under way have ended. After a pause the oldest
 *    message alone is sent; when it is answered, the others follow. So only what was under way together with the failed message
 *    can overtake it.
 * 3. A message with an image also needs the image's service. It must not hold up texts, so images are in a lane of their own.
 */
export class Outbox {
	readonly #sendOnce: SendOnce;
	readonly #retryMs: number;
	readonly #lanes = new Map<string, Lane>();

	/** `retryMs`: the first pause before a message is sent again. */
	constructor(sendOnce: SendOnce, retryMs: number) {
		this.#sendOnce = sendOnce;
		this.#retryMs = retryMs;
	}

	/** Resolves with the stored message. Rejects with the clientId in the error, when the message is refused or at `close`. */
	send(message: OutgoingMessage): Promise<Message> {
		const key = `${message.conversationId} ${message.type ?? "TEXT"}`;
		let lane = this.#lanes.get(key);
		if (!lane) {
			lane = { entries: new Set(), underWay: 0, failed: false, failures: 0, retry: undefined };
			this.#lanes.set(key, lane);
		}
		const { promise, resolve, reject } = Promise.withResolvers<Message>();
		const entry = { message, resolve, reject };
		lane.entries.add(entry);
		if (!lane.failed && lane.failures === 0) void this.#attempt(key, lane, entry);
		return promise;
	}

	/** There is a new connection: what waits to be tried again need not wait any longer. */
	retryNow(): void {
		for (const [key, lane] of this.#lanes) if (lane.retry !== undefined) this.#retry(key, lane);
	}

	/** Gives up: whether the messages arrived is not known. */
	close(error: ParleyApiError): void {
		for (const { entries, retry } of this.#lanes.values()) {
			clearTimeout(retry);
			for (const { message, reject } of entries) reject(error.about({ clientId: message.clientId }));
			entries.clear();
		}
		this.#lanes.clear();
	}

	async #attempt(key: string, lane: Lane, entry: Entry): Promise<void> {
		const { message, resolve, reject } = entry;
		lane.underWay++;
		try {
			const stored = await this.#sendOnce(message);
			lane.entries.delete(entry);
			resolve(stored);
		} catch (error) {
			// It was closed meanwhile.
			if (!lane.entries.has(entry)) return;
			if (isPassing(error)) lane.failed = true;
			else {
				lane.entries.delete(entry);
				reject(error instanceof ParleyApiError ? error.about({ clientId: message.clientId }) : error);
			}
		}
		if (--lane.underWay === 0) this.#goOn(key, lane);
	}

	/** All attempts have ended. */
	#goOn(key: string, lane: Lane): void {
		if (lane.entries.size === 0) {
			if (this.#lanes.get(key) === lane) this.#lanes.delete(key);
		} else if (lane.failed) {
			lane.failed = false;
			lane.retry = setTimeout(() => this.#retry(key, lane), backoffMs(this.#retryMs, lane.failures++, maxPauseFactor));
		} else {
			lane.failures = 0;
			for (const entry of lane.entries) void this.#attempt(key, lane, entry);
		}
	}

	#retry(key: string, lane: Lane): void {
		clearTimeout(lane.retry);
		lane.retry = undefined;
		const [oldest] = lane.entries;
		if (oldest) void this.#attempt(key, lane, oldest);
	}
}

interface Entry {
	message: OutgoingMessage;
	resolve(stored: Message): void;
	reject(error: unknown): void;
}

/** What is kept in order. */
interface Lane {
	/** In the order in which they were sent. */
	entries: Set<Entry>;
	/** How many attempts have not ended. */
	underWay: number;
	/** One of those under way has failed: the others are waited for. */
	failed: boolean;
	/** Failed rounds in a row. */
	failures: number;
	retry: ReturnType<typeof setTimeout> | undefined;
}
