import type { Presence } from "./presence.contract.ts";
import type { Watch } from "./watch.ts";

/** Users that are told of at a time. */
const batchSize = 200;

/**
 * Tells of all users of whom something is to be told, one batch after the other, so that thousands who come or go at once are no
 * storm. Other nodes do the same and share the work. What could not be told is told again when the claim has run out. Ends after the
 * batch during which the signal is aborted.
 */
export async function announceChanges(
	watch: Watch,
	announce: (presences: Presence[]) => Promise<void>,
	signal: AbortSignal,
): Promise<void> {
	while (!signal.aborted) {
		const claimed = await watch.claim(batchSize);
		if (claimed.length === 0) return;
		await announce(await watch.settle(claimed));
		await watch.release(claimed);
	}
}
