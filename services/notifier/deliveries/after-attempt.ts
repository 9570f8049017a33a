import { timeOf } from "../../../lib/time-of.ts";
import type { Outcome } from "../channels/channel.ts";
import { canClear } from "../channels/open-channels.ts";
import type { Next, Notification } from "./notifications.ts";

/** A notification that nobody accepted for this long is given up. */
export const givenUpMs = 24 * 60 * 60_000;

const firstPauseMs = 5_000;
const longestPauseMs = 60 * 60_000;

/** How long after an accepted push the first look is whether its messages were read. */
const firstLookMs = 60_000;

/**
 * How it goes on after an attempt: what failed is tried again after a pause that doubles, up to an hour, with jitter so that many do
 * not come back at once. `random` is from 0 to 1.
 */
export function afterAttempt(notification: Notification, outcome: Outcome, nowMs: number, random: number): Next {
	const next = { lastError: null, sentAt: null };
	switch (outcome.kind) {
		case "accepted": {
			const { channel } = notification;
			const dueAt = channel !== "email" && canClear(channel) ? timeOf(nowMs + firstLookMs) : null;
			return { ...next, state: "SENT", dueAt, sentAt: timeOf(nowMs) };
		}
		case "gone":
		case "refused":
			return { ...next, state: "DEAD", dueAt: null, lastError: outcome.reason };
		case "failed": {
			const lastError = outcome.reason;
			const pauseMs = Math.min(firstPauseMs * 2 ** (notification.attempts - 1), longestPauseMs) * (0.5 + random / 2);
			const dueMs = nowMs + Math.max(pauseMs, outcome.retryAfterMs ?? 0);
			if (dueMs - Date.parse(notification.createdAt) > givenUpMs) return { ...next, state: "DEAD", dueAt: null, lastError };
			return { ...next, state: "WAITING", dueAt: timeOf(dueMs), lastError };
		}
	}
}

/** When to look again whether the messages of an accepted push were read: less and less often, until it is not kept any more. */
export function afterLook(notification: Notification, sentMs: number, nowMs: number, keptMs: number): Next {
	const ageMs = nowMs - sentMs;
	const dueAt = ageMs > keptMs ? null : timeOf(nowMs + Math.max(firstLookMs, ageMs));
	return { state: notification.state, dueAt, lastError: null, sentAt: null };
}
