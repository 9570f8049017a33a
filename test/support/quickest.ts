/** No input of a user may hold the event loop longer than this, in milliseconds. */
export const maxHoldMs = 50;

/** What that takes at the most where coverage is measured, on a busy machine: several times as long. */
export const maxCostMs = 4 * maxHoldMs;

/** How much of this thread's CPU time the quickest of a few runs took, in milliseconds: what the work costs on a busy machine too. */
export function quickestMs(work: () => unknown, runs = 5): number {
	let quickest = Number.POSITIVE_INFINITY;
	for (let run = 0; run < runs && (run === 0 || quickest > maxHoldMs / 5); run++) {
		const start = process.threadCpuUsage();
		work();
		const { user, system } = process.threadCpuUsage(start);
		quickest = Math.min(quickest, (user + system) / 1e3);
	}
	return quickest;
}
