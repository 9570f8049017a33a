import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { ChatClient } from "../../client/chat.ts";
import { RestClient } from "../../client/rest.ts";
import type { Message } from "../../client/types.ts";
import { inParallel } from "../../testing/in-parallel.ts";
import type { Target } from "../../testing/target.ts";
import { codeOf, passing, retryMs } from "./retry.ts";

/** Somebody with an app: what it was shown, in that order. */
export interface Person {
	id: string;
	conversationId: string;
	chat: ChatClient;
	seen: Message[];
}

/** A message, from when the person pressed the button. */
export interface Sent {
	clientId: string;
	conversationId: string;
	sentMs: number;
	/** Unless no acknowledgement came yet. */
	acknowledged?: { seq: number; atMs: number };
}

const registeringAtOnce = 8;
const readingMs = 1_000;

/** People in conversations of two, each of the two before another front, who write without waiting for anything. */
export class Crowd {
	readonly people: Person[] = [];
	readonly sent: Sent[] = [];
	/** When others' messages were shown. */
	readonly deliveredAtMs: number[] = [];
	/** Error code → how often a send was answered with it and then repeated. */
	readonly refusals: Record<string, number> = {};
	/** Errors that no repetition cures. */
	readonly failures: string[] = [];
	readonly #leaving = new AbortController();
	#writing: NodeJS.Timeout | undefined;
	#reading: NodeJS.Timeout | undefined;
	readonly #marking = new Set<Promise<unknown>>();

	static async gather(target: Target, fronts: readonly string[], pairs: number): Promise<Crowd> {
		const crowd = new Crowd();
		const platform = new RestClient({ baseUrl: target.baseUrls[0], token: await target.platformToken() });
		await inParallel(registeringAtOnce, Array.from({ length: pairs }), () => crowd.#admitPair(target, platform, fronts));
		return crowd;
	}

	/** Messages go out at the times that the rate says, whatever became of those before. */
	startWriting(perSecond: number): void {
		const startMs = performance.now();
		const before = this.sent.length;
		this.#writing = setInterval(() => {
			const due = Math.floor(((performance.now() - startMs) * perSecond) / 1_000);
			while (this.sent.length - before < due) void this.#write(this.#personAt(this.sent.length));
		}, 5);
		// Every other person reads: the rest have unread messages all the time.
		this.#reading = setInterval(() => {
			for (const person of this.people.filter((_, index) => index % 4 < 2)) this.#read(person);
		}, readingMs);
	}

	stopWriting(): void {
		clearInterval(this.#writing);
		clearInterval(this.#reading);
	}

	/** Every message is acknowledged, and both sides of its conversation have been shown as many as there are. */
	get isQuiet(): boolean {
		return this.#marking.size === 0 && this.unacknowledged === 0 && this.missing === 0;
	}

	get unacknowledged(): number {
		return this.sent.filter(({ acknowledged }) => !acknowledged).length;
	}

	/** Messages by persons who should have been shown them and were not yet. */
	get missing(): number {
		const heads = new Map<string, number>();
		for (const { conversationId, acknowledged } of this.sent) {
			if (acknowledged) heads.set(conversationId, Math.max(heads.get(conversationId) ?? 0, acknowledged.seq));
		}
		return this.people.reduce(
			(sum, { conversationId, seen }) => sum + Math.max(0, (heads.get(conversationId) ?? 0) - seen.length),
			0,
		);
	}

	leave(): void {
		this.stopWriting();
		this.#leaving.abort();
		for (const { chat } of this.people) chat.close();
	}

	async #admitPair(target: Target, platform: RestClient, fronts: readonly string[]): Promise<void> {
		const jobApplicationId = `application-${randomUUID()}`;
		const [applicantId, employerId] = [`user-${randomUUID()}`, `user-${randomUUID()}`];
		for (const id of [applicantId, employerId]) await platform.putUser(id, { name: `Person ${id}` });
		await platform.putApplication(jobApplicationId, { applicantId, employerId, jobTitle: "Stuntman", status: "APPLIED" });
		const applicant = new RestClient({ baseUrl: target.baseUrls[0], token: await target.userToken(applicantId) });
		const { id: conversationId } = await applicant.createConversation(jobApplicationId);
		for (const [index, id] of [applicantId, employerId].entries()) {
			const token = await target.userToken(id);
			const baseUrl = fronts[index % fronts.length] ?? target.baseUrls[0];
			const chat = new ChatClient({ baseUrl, token, reconnectDelayMs: retryMs });
			const person = { id, conversationId, chat, seen: [] as Message[] };
			this.people.push(person);
			chat.on("message", ({ message }) => {
				person.seen.push(message);
				if (message.senderId !== id) this.deliveredAtMs.push(performance.now());
			});
			await chat.connect();
			await chat.open(conversationId);
		}
	}

	#personAt(index: number): Person {
		const person = this.people[index % this.people.length];
		if (!person) throw new Error("there is nobody");
		return person;
	}

	async #write({ conversationId, chat }: Person): Promise<void> {
		const clientId = randomUUID();
		const sent: Sent = { clientId, conversationId, sentMs: performance.now() };
		this.sent.push(sent);
		while (!this.#leaving.signal.aborted) {
			try {
				const { seq } = await chat.send(conversationId, { clientId, content: `Message ${clientId}` });
				sent.acknowledged = { seq, atMs: performance.now() };
				return;
			} catch (error) {
				const code = codeOf(error);
				if (!passing.has(code)) return void this.failures.push(`a send was answered with ${code}`);
				this.refusals[code] = (this.refusals[code] ?? 0) + 1;
				await delay(retryMs);
			}
		}
	}

	/** Should it fail, the next one says the same and more. */
	#read({ conversationId, chat, seen }: Person): void {
		const seq = seen.at(-1)?.seq;
		if (seq === undefined) return;
		const marking = chat
			.markRead(conversationId, seq)
			.catch(() => {})
			.finally(() => this.#marking.delete(marking));
		this.#marking.add(marking);
	}
}
