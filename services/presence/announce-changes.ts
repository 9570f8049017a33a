import type { Announcements } from "./announcements.ts";
import type { Presence } from "./presence.contract.ts";

/** Users in one batch. */
const batchSize = 200;

/**
 * Announces all changes of presence that are due, one batch after the other, so that thousands of changes at once do not flood the
 * cluster. The nodes share the work. What could not be announced is announced again when the claim has expired. Ends after the batch
 * during which the signal is aborted.
 */
export async function announceChanges(
	announcements: Announcements,
	announce: (presences: Presence[]) => Promise<void>,
	signal: AbortSignal,
): Promise<void> {
	while (!signal.aborted) {
		const claimed = await announcements.claim(batchSize);
		if (claimed.length === 0) return;
		await announce(await announcements.update(claimed));
		await announcements.release(claimed);
	}
}
