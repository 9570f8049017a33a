import type { Context } from "moleculer";

/**
 * The time that the caller of an action still waits, as the `timeout` of a nested call. `ctx.call` sets it by itself; a call with
 * `broker.call` needs this.
 */
export function withinCaller({ options, startHrTime }: Pick<Context, "options" | "startHrTime">): { timeout?: number } {
	if (!options.timeout || !startHrTime) return {};
	const [seconds, nanoseconds] = process.hrtime(startHrTime);
	// 0 would mean «no timeout».
	return { timeout: Math.max(1, Math.floor(options.timeout - seconds * 1e3 - nanoseconds / 1e6)) };
}
