import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Calls } from "../../../services/contracts.ts";
import { inParallel } from "../../../testing/in-parallel.ts";
import { as, asPlatform } from "../../support/broker.ts";
import { openConversation } from "../../support/platform.ts";

/** Somebody with a device and a mail address who gets messages. */
export interface Recipient {
	userId: string;
	senderId: string;
	conversationId: string;
	token: string;
	email: string;
	/** The text of the newest acknowledged message. */
	newest: string;
	/** Until the recipient has read it. */
	isUnread: boolean;
}

/** A text that no other message has. */
const newText = () => `text-${randomUUID()}`;

/** That text, in what tells of it. */
export function textIn(told: string): string {
	return /text-[\da-f-]{36}/.exec(told)?.[0] ?? "";
}

/** Every so often somebody reads: then what is under way need not be told any more. */
const readShare = 0.1;
const registeringAtOnce = 8;
const retryMs = 200;

/** People who get messages, one by one in a random order, until they are stopped. */
export class Load {
	readonly recipients: Recipient[];
	sent = 0;
	readonly #calls: Calls;
	readonly #stopping = new AbortController();
	#running: Promise<void> | undefined;

	private constructor(calls: Calls, recipients: Recipient[]) {
		this.#calls = calls;
		this.recipients = recipients;
	}

	static async of(calls: Calls, people: number): Promise<Load> {
		return new Load(calls, await inParallel(registeringAtOnce, Array.from({ length: people }), () => register(calls)));
	}

	start(perSecond: number): void {
		this.#running = this.#run(1_000 / perSecond);
		// `stop` reports it.
		this.#running.catch(() => {});
	}

	/** Resolves when every message was acknowledged. */
	async stop(): Promise<void> {
		this.#stopping.abort();
		await this.#running;
	}

	/** Several are under way at a time, since one may wait for a server that is being restarted. */
	async #run(pauseMs: number): Promise<void> {
		const busy = new Map<Recipient, Promise<void>>();
		while (!this.#stopping.signal.aborted) {
			const recipient = this.recipients[Math.floor(Math.random() * this.recipients.length)] as Recipient;
			if (!busy.has(recipient))
				busy.set(
					recipient,
					this.#write(recipient).finally(() => busy.delete(recipient)),
				);
			await delay(pauseMs);
		}
		await Promise.all(busy.values());
	}

	async #write(recipient: Recipient): Promise<void> {
		const { conversationId, senderId, userId } = recipient;
		const [clientId, content] = [randomUUID(), newText()];
		const { seq } = await acknowledged(() =>
			this.#calls.call("messages.send", { conversationId, clientId, content }, as(senderId)),
		);
		this.sent++;
		Object.assign(recipient, { newest: content, isUnread: true });
		if (Math.random() > readShare) return;
		await acknowledged(() => this.#calls.call("messages.markRead", { conversationId, seq }, as(userId)));
		recipient.isUnread = false;
	}
}

async function register(calls: Calls): Promise<Recipient> {
	const { conversationId, applicantId: senderId, employerId: userId } = await openConversation(calls);
	const [token, email] = [`token-${randomUUID()}`, `${userId}@example.org`];
	await calls.call("users.put", { id: userId, name: "Bob", email }, asPlatform);
	await calls.call("notifier.addDevice", { kind: "fcm", token }, as(userId));
	return { userId, senderId, conversationId, token, email, newest: "", isUnread: false };
}

/** Repeats a call, as an app does, until it is answered: servers are being restarted. */
async function acknowledged<Answer>(call: () => Promise<Answer>): Promise<Answer> {
	for (const endMs = Date.now() + 60_000; ; ) {
		try {
			return await call();
		} catch (error) {
			if (Date.now() > endMs) throw error;
			await delay(retryMs);
		}
	}
}
