/** No input of a user may hold the event loop longer than this, in milliseconds. */
export const maxHoldMs = 50;

/** How long the quickest of a few runs took, in milliseconds: what the work costs, whatever else the machine does meanwhile. */
export function quickestMs(work: () => unknown, runs = 5): number {
	let quickest = Number.POSITIVE_INFINITY;
	for (let run = 0; run < runs && (run === 0 || quickest > maxHoldMs / 5); run++) {
		const startMs = performance.now();
		work();
		quickest = Math.min(quickest, performance.now() - startMs);
	}
	return quickest;
}
