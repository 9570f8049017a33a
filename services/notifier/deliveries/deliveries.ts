import { setTimeout as delay } from "node:timers/promises";
import { Batcher } from "../../../lib/batcher.ts";
import { timeOf } from "../../../lib/time-of.ts";
import { isUnavailable } from "../../../lib/unavailable.ts";
import type { Outcome } from "../channels/channel.ts";
import type { Counters } from "../counters.ts";
import { claimClearing, removeDevice } from "../devices/devices.ts";
import { addNews, hastenMail } from "../due/unnotified.ts";
import type { NotifierContext } from "../notifier-context.ts";
import { afterAttempt, afterLook } from "./after-attempt.ts";
import {
	type ChannelName,
	claimMs,
	claimNotifications,
	finish,
	type Next,
	type Notification,
	noteCleared,
} from "./notifications.ts";
import { type Prepared, prepare } from "./prepare.ts";
import { keptMs } from "./retention.ts";
import { send, sendClearing } from "./send.ts";
import { noteUnreachable } from "./unreachable.ts";

/**
 * Attempts of one channel that run at a time. A provider that does not answer holds up only its own channel. Of mails so many wait for
 * a connection (channels/email.ts) as are being sent, so that no connection waits for the next mail to be prepared.
 */
const concurrency: Record<ChannelName, number> = { webpush: 100, apns: 100, fcm: 100, email: 30 };

/** Attempts for one person that run at a time, so that somebody with many devices that do not answer does not hold up others. */
const maxOfPerson = 5;

const retryMs = 1_000;

/** After how long it is tried again when others could not say what a notification tells. */
const prepareAgainMs = 5_000;

/** Sends what is due on one channel, with a bounded number of attempts at a time. */
export class Deliveries {
	readonly #context: NotifierContext;
	readonly #channel: ChannelName;
	readonly #counters: Counters;
	readonly #running = new Set<Promise<void>>();
	/** How many of them are for each person. */
	readonly #ofPerson = new Map<string, number>();
	readonly #stopping = new AbortController();
	/** What became of attempts that end at about the same time is written in one statement. */
	readonly #finishing: Batcher<{ notification: Notification; next: Next }, null>;

	constructor(context: NotifierContext, channel: ChannelName, counters: Counters) {
		this.#context = context;
		this.#channel = channel;
		this.#counters = counters;
		this.#finishing = new Batcher(
			async (done) => {
				await this.#finish(done);
				return done.map(() => null);
			},
			{ maxBatch: 500, maxParked: 10_000 },
		);
	}

	/** Begins attempts until nothing more is due. The attempts may end later (`drain`). */
	async sendDue(signal: AbortSignal): Promise<void> {
		while (!signal.aborted) {
			const free = concurrency[this.#channel] - this.#running.size;
			// Each claim asks other services about its notifications. So it waits until a quarter can be claimed at once.
			if (free < concurrency[this.#channel] / 4) {
				// Not longer, so that it also ends soon when it is aborted.
				await Promise.race([...this.#running, delay(retryMs, undefined, { ref: false })]);
				continue;
			}
			const claimed = await this.#claim(free);
			if (claimed.length === 0) return;
			for (const prepared of await this.#prepare(await this.#share(claimed))) this.#begin(prepared);
		}
	}

	/** Resolves when no attempt runs any more. */
	async drain(): Promise<void> {
		await Promise.all(this.#running);
		await this.#finishing.drain();
	}

	/** From now on what cannot be written is left: the claim ends, and then it is sent again. */
	stopRetrying(): void {
		this.#stopping.abort();
	}

	/** Of people with so many attempts that no other may begin, nothing is claimed. */
	#claim(limit: number): Promise<Notification[]> {
		const nowMs = this.#context.now();
		const busy = [...this.#ofPerson].flatMap(([userId, count]) => (count >= maxOfPerson ? [userId] : []));
		return claimNotifications(this.#context.db, this.#channel, timeOf(nowMs), timeOf(nowMs + claimMs), limit, busy);
	}

	/** Those of the claimed that may begin now. The others are due again at once. */
	async #share(claimed: Notification[]): Promise<Notification[]> {
		const counts = new Map(this.#ofPerson);
		const isAdmitted = claimed.map(({ userId }) => {
			const count = (counts.get(userId) ?? 0) + 1;
			counts.set(userId, count);
			return count <= maxOfPerson;
		});
		await this.#putBack(
			claimed.filter((_, i) => !isAdmitted[i]),
			this.#context.now(),
		);
		return claimed.filter((_, i) => isAdmitted[i]);
	}

	/** While other services do not answer, what was claimed is put back: no attempt was made. */
	async #prepare(claimed: Notification[]): Promise<Prepared[]> {
		try {
			return await prepare(this.#context, claimed);
		} catch (error) {
			// Without the database the claims end by themselves.
			await this.#putBack(claimed, this.#context.now() + prepareAgainMs).catch(() => {});
			throw error;
		}
	}

	async #putBack(claimed: Notification[], dueMs: number): Promise<void> {
		if (claimed.length === 0) return;
		const { db, now } = this.#context;
		const next = { dueAt: timeOf(dueMs), lastError: null, sentAt: null };
		await finish(
			db,
			claimed.map((notification) => ({
				notification,
				// Only what waits was counted when it was claimed.
				next: { ...next, state: notification.state, ...(notification.state === "WAITING" && { isUncounted: true }) },
			})),
			timeOf(now()),
		);
	}

	#begin(prepared: Prepared): void {
		const { id, userId } = prepared.notification;
		this.#ofPerson.set(userId, (this.#ofPerson.get(userId) ?? 0) + 1);
		const running: Promise<void> = this.#work(prepared)
			.catch((error: unknown) => {
				// The claim ends, and then it is tried again.
				this.#context.logger.warn(`Sending notification ${id} failed and is tried again:`, error);
			})
			.finally(() => {
				this.#running.delete(running);
				const left = (this.#ofPerson.get(userId) ?? 0) - 1;
				if (left > 0) this.#ofPerson.set(userId, left);
				else this.#ofPerson.delete(userId);
			});
		this.#running.add(running);
	}

	/** While PostgreSQL is away it is tried again until the claims are over. What was accepted would otherwise be sent twice. */
	async #finish(done: { notification: Notification; next: Next }[]): Promise<void> {
		const { db, now } = this.#context;
		for (;;) {
			try {
				return await finish(db, done, timeOf(now()));
			} catch (error) {
				const areClaimed = done.some(({ notification: { dueAt } }) => dueAt !== null && Date.parse(dueAt) > now());
				if (!isUnavailable(error) || !areClaimed || this.#stopping.signal.aborted) throw error;
				await delay(retryMs);
			}
		}
	}

	async #work(prepared: Prepared): Promise<void> {
		const { notification } = prepared;
		await this.#finishing.add({ notification, next: await this.#next(prepared) });
	}

	async #next(prepared: Prepared): Promise<Next> {
		const { notification, kind } = prepared;
		const { state } = notification;
		const nothing = { dueAt: null, lastError: null, sentAt: null };
		const nowMs = this.#context.now();
		switch (kind) {
			case "cancel":
				await this.#giveBack(prepared);
				return { ...nothing, state: "CANCELLED" };
			case "defer":
				this.#counters.deferred(this.#channel);
				return { ...nothing, state, dueAt: timeOf(prepared.untilMs), isUncounted: true };
			case "keep":
				return afterLook(notification, Date.parse(notification.createdAt), nowMs, keptMs);
			case "clear": {
				if (!(await claimClearing(this.#context.db, prepared.device.id, nowMs)))
					return { ...nothing, state, dueAt: timeOf(nowMs + clearingPauseMs) };
				const outcome = await sendClearing(this.#context, prepared);
				if (outcome.kind === "failed") return { ...nothing, state, dueAt: timeOf(nowMs + clearingPauseMs) };
				if (outcome.kind === "gone") await removeDevice(this.#context.db, prepared.device.id);
				await noteCleared(this.#context.db, notification);
				return { ...nothing, state: "CLEARED" };
			}
			case "send": {
				await this.#giveBack(prepared);
				const outcome = await send(this.#context, prepared);
				await this.#react(prepared, outcome);
				return afterAttempt(notification, outcome, this.#context.now(), Math.random());
			}
		}
	}

	/** Conversations that were muted since become rows of `unnotified` again. Before sending: what fails here was not sent yet. */
	async #giveBack({ notification, muted }: Prepared & { kind: "send" | "cancel" }): Promise<void> {
		const { userId, messageAt, isDigest } = notification;
		const { db, now } = this.#context;
		await addNews(
			db,
			muted.map(({ conversationId, seq }) => ({
				...{ conversationId, userId, channel: this.#channel === "email" ? "email" : "push", isDeferred: isDigest },
				...{ firstSeq: seq, firstAt: messageAt, lastSeq: seq, lastAt: messageAt, dueAt: timeOf(now()) },
			})),
		);
	}

	/** What an outcome means for the device or address, and for the other ways to tell the person. */
	async #react({ notification, address }: Prepared & { kind: "send" }, outcome: Outcome): Promise<void> {
		const { db } = this.#context;
		const nowMs = this.#context.now();
		this.#counters.attempted(this.#channel, outcome, nowMs - Date.parse(notification.messageAt));
		if (outcome.kind === "gone") {
			if (notification.deviceId !== null) await removeDevice(db, notification.deviceId);
			if (address !== null) await noteUnreachable(db, notification.userId, address, nowMs);
		}
		if (outcome.kind !== "accepted" && this.#channel !== "email")
			await hastenMail(db, notification.userId, notification.conversationIds, nowMs);
	}
}

/** At most one clearing a device and minute. */
const clearingPauseMs = 60_000;
