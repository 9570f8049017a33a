export interface Percentiles {
	readonly p50: number;
	readonly p95: number;
	readonly p99: number;
	readonly max: number;
}

/** Nearest-rank percentiles; NaN where there is nothing to rank. */
export function percentiles(values: readonly number[]): Percentiles {
	const sorted = Float64Array.from(values).sort();
	const rank = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
	return { p50: rank(0.5), p95: rank(0.95), p99: rank(0.99), max: rank(1) };
}

export function median(values: readonly number[]): number {
	const sorted = Float64Array.from(values).sort();
	const middle = sorted.length / 2;
	const upper = sorted[Math.floor(middle)] ?? Number.NaN;
	return Number.isInteger(middle) ? ((sorted[middle - 1] ?? Number.NaN) + upper) / 2 : upper;
}
