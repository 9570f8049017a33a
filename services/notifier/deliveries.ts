import { Batcher } from "../../lib/batcher.ts";
import { afterAttempt, afterLook } from "./after-attempt.ts";
import type { Outcome } from "./channels/channel.ts";
import type { Counters } from "./counters.ts";
import { claimClearing, removeDevice } from "./devices.ts";
import {
	type ChannelName,
	claimMs,
	claimNotifications,
	finish,
	type Next,
	type Notification,
	noteCleared,
} from "./notifications.ts";
import type { NotifierContext } from "./notifier-context.ts";
import { type Prepared, prepare } from "./prepare.ts";
import { keptMs } from "./retention.ts";
import { send, sendClearing } from "./send.ts";
import { hastenMail, timeOf } from "./unnotified.ts";
import { noteUnreachable } from "./unreachable.ts";

/** Attempts of one channel that run at a time. A provider that does not answer holds up only its own channel. */
const concurrency: Record<ChannelName, number> = { webpush: 100, apns: 100, fcm: 100, email: 20 };

/** Sends what is due on one channel, with a bounded number of attempts at a time. */
export class Deliveries {
	readonly #context: NotifierContext;
	readonly #channel: ChannelName;
	readonly #counters: Counters;
	readonly #running = new Set<Promise<void>>();
	/** What became of attempts that end at about the same time is written in one statement. */
	readonly #finishing: Batcher<{ notification: Notification; next: Next }, null>;

	constructor(context: NotifierContext, channel: ChannelName, counters: Counters) {
		this.#context = context;
		this.#channel = channel;
		this.#counters = counters;
		this.#finishing = new Batcher(
			async (done) => {
				await finish(context.db, done, timeOf(context.now()));
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
				await Promise.race(this.#running);
				continue;
			}
			const nowMs = this.#context.now();
			const claimed = await claimNotifications(this.#context.db, this.#channel, timeOf(nowMs), timeOf(nowMs + claimMs), free);
			if (claimed.length === 0) return;
			for (const prepared of await prepare(this.#context, claimed)) this.#begin(prepared);
		}
	}

	/** Resolves when no attempt runs any more. */
	async drain(): Promise<void> {
		await Promise.all(this.#running);
		await this.#finishing.drain();
	}

	#begin(prepared: Prepared): void {
		const running: Promise<void> = this.#work(prepared)
			.catch((error: unknown) => {
				// The claim ends, and then it is tried again.
				this.#context.logger.warn(`Sending notification ${prepared.notification.id} failed and is tried again:`, error);
			})
			.finally(() => this.#running.delete(running));
		this.#running.add(running);
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
				const outcome = await send(this.#context, prepared);
				await this.#react(prepared, outcome);
				return afterAttempt(notification, outcome, this.#context.now(), Math.random());
			}
		}
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
