import type { Status } from "../../presence/presence.contract.ts";
import { quietUntil } from "../settings/quiet-hours.ts";
import type { Settings } from "../settings/settings.contract.ts";

/** What is known about a person and the messages of one conversation that they were not told of. All times are epoch ms. */
export interface Situation {
	/** Push first; e-mail when no push was accepted, or some time after it. */
	channel: "push" | "email";
	/** The message that began it, and the newest one. */
	first: { seq: number; atMs: number };
	last: { seq: number; atMs: number };
	/** It was put off to the end of quiet hours or of a digest's window, and so will be told in a digest. */
	isDeferred: boolean;
	/** Undefined: the person does not take part in the conversation. */
	level: { readSeq: number; deliveredSeq: number; unreadCount: number; mutedUntilMs: number | null } | undefined;
	/** Undefined: the person was erased. */
	settings: Settings | undefined;
	/** Undefined while the presence registry does not answer. Then only the delivery receipts count. */
	presence: Status | undefined;
	/** When the person last did something over a socket. Undefined: not known. */
	activeAtMs: number | undefined;
	/** For `email`: when a push about these messages was accepted first. */
	pushedAtMs: number | undefined;
	/** This way of telling can reach the person at all. */
	isReachable: boolean;
}

export type Decision =
	| { kind: "drop" }
	/** Not yet. `first` is the message with which the waiting begins now. */
	| { kind: "wait"; untilMs: number; isDeferred: boolean; first: Situation["first"] }
	| { kind: "tell"; isDigest: boolean }
	/** There is no way to push: e-mail instead, at once. */
	| { kind: "mail"; isDigest: boolean };

export interface Delays {
	delayMs: number;
	idleDelayMs: number;
	emailAfterPushMs: number;
}

/** A socket may be dead for this long before anybody knows it. */
const silentSocketMs = 10_000;

/** What keeps somebody from being told may end early: a mute is lifted, a socket closes. So it is looked at again after this time. */
const longestWaitMs = { muted: 60 * 60_000, connected: 30_000 };

/**
 * Whether a person is told now of messages that they have not read.
 *
 * 1. Nobody is told of what is read, or without a way to reach them.
 * 2. When the first message was read meanwhile, the time counts from the newest one.
 * 3. While the conversation is muted, and in quiet hours, it waits. What has waited for the end of quiet hours is told in a digest.
 * 4. A person who is not online is told when the delay has passed.
 * 5. A connected person is told later: when the message was not delivered, 10 s later, since the socket may be dead; when it was, once
 *    the person has done nothing for the idle delay.
 * 6. With digests, the window must have passed too. `isWindowOver`: the window of another conversation has passed, and its digest takes
 *    this one along.
 */
export function decide(situation: Situation, delays: Delays, nowMs: number, isWindowOver = false): Decision {
	const { channel, level, settings, isReachable } = situation;
	if (!level || !settings || level.unreadCount === 0 || level.readSeq >= situation.last.seq) return { kind: "drop" };
	if (channel === "email" && !isReachable) return { kind: "drop" };

	const first = level.readSeq >= situation.first.seq ? situation.last : situation.first;
	const wait = (untilMs: number, longestMs = Number.POSITIVE_INFINITY, isDeferred = situation.isDeferred): Decision => ({
		...{ kind: "wait", untilMs: Math.min(untilMs, nowMs + longestMs) },
		...{ isDeferred, first },
	});

	const { mutedUntilMs } = level;
	if (mutedUntilMs !== null && mutedUntilMs > nowMs) return wait(mutedUntilMs, longestWaitMs.muted);
	const quietEndMs = quietUntil(settings.quietHours, nowMs);
	if (quietEndMs !== null) return wait(quietEndMs, undefined, true);

	const dueMs = presenceDueMs(situation, level.deliveredSeq >= first.seq, first.atMs, delays);
	if (dueMs > nowMs) return wait(dueMs, situation.presence === "offline" ? undefined : longestWaitMs.connected);
	if (channel === "email" && situation.pushedAtMs !== undefined) {
		const mailMs = situation.pushedAtMs + delays.emailAfterPushMs;
		if (mailMs > nowMs) return wait(mailMs);
	}
	const { enabled, windowMinutes } = settings.digest;
	const windowEndMs = first.atMs + windowMinutes * 60_000;
	if (enabled && channel === "push" && !isWindowOver && windowEndMs > nowMs) return wait(windowEndMs, undefined, true);
	return { kind: isReachable ? "tell" : "mail", isDigest: enabled || situation.isDeferred };
}

/** When somebody with this presence is told of messages that began at `firstMs`. */
function presenceDueMs(
	{ presence, activeAtMs }: Situation,
	isDelivered: boolean,
	firstMs: number,
	{ delayMs, idleDelayMs }: Delays,
): number {
	if (presence === "offline") return firstMs + delayMs;
	const undeliveredMs = firstMs + delayMs + silentSocketMs;
	const idleSinceMs = presence === "away" ? firstMs : Math.max(firstMs, activeAtMs ?? 0);
	const idleMs = idleSinceMs + Math.max(idleDelayMs, delayMs);
	return isDelivered ? idleMs : Math.min(undeliveredMs, idleMs);
}
