import type { ClientSocket } from "./sockets.ts";

/** A device that never acknowledges is given a message so often again, after pauses that double, and then not any more. */
const maxTimes = 3;
const firstPauseMs = 2_000;

/** What a socket was given again of a conversation: from which delivered cursor on, how often, and when last. */
export interface Offer {
	deliveredSeq: number;
	times: number;
	atMs: number;
}

/** A conversation in which somebody's delivered cursor is behind. */
interface Lagging {
	conversationId: string;
	deliveredSeq: number;
}

/** Whether this socket is to be given this conversation now: never yet from this cursor on, or not too often and not just now. */
export function isDue({ data }: ClientSocket, { conversationId, deliveredSeq }: Lagging): boolean {
	const offer = data.offers?.get(conversationId);
	if (!offer || offer.deliveredSeq < deliveredSeq) return true;
	return offer.times < maxTimes && performance.now() >= offer.atMs + firstPauseMs * 2 ** (offer.times - 1);
}

/** To be called when the socket was given this conversation. */
export function noteOffer({ data }: ClientSocket, { conversationId, deliveredSeq }: Lagging): void {
	data.offers ??= new Map();
	const offer = data.offers.get(conversationId);
	const times = offer?.deliveredSeq === deliveredSeq ? offer.times + 1 : 1;
	data.offers.set(conversationId, { deliveredSeq, times, atMs: performance.now() });
}
