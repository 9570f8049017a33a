import { backoffMs } from "./backoff.ts";
import { isPassing, ParleyApiError } from "./errors.ts";
import type { ClientEvents, Message } from "./types.ts";

export type OutgoingMessage = ClientEvents["send_message"]["payload"];

/** Makes one attempt to send a message. */
export type SendOnce = (message: OutgoingMessage) => Promise<Message>;

/** The longest pause between attempts is this many times the first. */
const maxPauseFactor = 16;

/**
 * The messages that the server has not acknowledged yet. Each is sent again, with the same clientId, until it is acknowledged or
 * refused. The order of the messages of a conversation is kept:
 *
 * 1. While no attempt fails, no message waits for the acknowledgement of an earlier one.
 * 2. When an attempt fails, no message is sent until all attempts under way have ended. After a pause the oldest message is sent
 *    alone. When it is answered, the others follow. So only messages under way together with the failed one can overtake it.
 * 3. A message with an image also needs the image service. It must not delay texts, so images have a lane of their own.
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

	/** Resolves with the stored message. Rejects, with the clientId in the error, when the message is refused or at `close`. */
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

	/** Ends all pauses. To be called when there is a new connection. */
	retryNow(): void {
		for (const [key, lane] of this.#lanes) if (lane.retry !== undefined) this.#retry(key, lane);
	}

	/** Rejects all messages. It is not known whether they arrived. */
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
			// The outbox was closed meanwhile.
			if (!lane.entries.has(entry)) return;
			if (isPassing(error)) lane.failed = true;
			else {
				lane.entries.delete(entry);
				reject(error instanceof ParleyApiError ? error.about({ clientId: message.clientId }) : error);
			}
		}
		if (--lane.underWay === 0) this.#continue(key, lane);
	}

	/** All attempts have ended. */
	#continue(key: string, lane: Lane): void {
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

/** Messages that are kept in order. */
interface Lane {
	/** In the order in which they were sent. */
	entries: Set<Entry>;
	/** Attempts that have not ended. */
	underWay: number;
	/** Whether an attempt has failed while others are still under way. */
	failed: boolean;
	/** Failed rounds in a row. */
	failures: number;
	retry: ReturnType<typeof setTimeout> | undefined;
}
