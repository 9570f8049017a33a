import type { ClientSocket } from "./sockets.ts";

/** A message that a device never acknowledges is sent again this many times, after pauses that double. */
const maxAttempts = 3;
const firstPauseMs = 2_000;

/** What was sent again to a socket in one conversation: from which delivered cursor on, how many times, and when last. */
export interface RedeliveryAttempts {
	deliveredSeq: number;
	count: number;
	lastAtMs: number;
}

/** A conversation in which a user's delivered cursor is behind. */
interface Lagging {
	conversationId: string;
	deliveredSeq: number;
}

/** Whether the messages above this cursor may be sent to the socket now: the first time, or after the pause. */
export function isDue({ data }: ClientSocket, { conversationId, deliveredSeq }: Lagging): boolean {
	const attempts = data.redeliveries?.get(conversationId);
	if (!attempts || attempts.deliveredSeq < deliveredSeq) return true;
	return attempts.count < maxAttempts && performance.now() >= attempts.lastAtMs + firstPauseMs * 2 ** (attempts.count - 1);
}

/** To be called when messages above this cursor were sent to the socket. */
export function recordAttempt({ data }: ClientSocket, { conversationId, deliveredSeq }: Lagging): void {
	data.redeliveries ??= new Map();
	const attempts = data.redeliveries.get(conversationId);
	const count = attempts?.deliveredSeq === deliveredSeq ? attempts.count + 1 : 1;
	data.redeliveries.set(conversationId, { deliveredSeq, count, lastAtMs: performance.now() });
}
