import type { Context } from "moleculer";

/**
 * How long the caller of an action still waits, as the `timeout` of what is called on its behalf. `ctx.call` sees to that by itself;
 * a call that is not made through the context does not.
 */
export function withinCaller({ options, startHrTime }: Pick<Context, "options" | "startHrTime">): { timeout?: number } {
	if (!options.timeout || !startHrTime) return {};
	const [seconds, nanoseconds] = process.hrtime(startHrTime);
	// 0 would mean «no time-out».
	return { timeout: Math.max(1, Math.floor(options.timeout - seconds * 1e3 - nanoseconds / 1e6)) };
}
