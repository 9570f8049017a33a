/** The pause before the next attempt: doubled with each failure up to `maxFactor` times the first, and jittered by half. */
export function backoffMs(firstMs: number, failures: number, maxFactor = 5): number {
	return firstMs * Math.min(2 ** failures, maxFactor) * (0.5 + Math.random());
}
