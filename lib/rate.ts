import { ParleyError } from "./errors.ts";

/**
 * What of a user is limited, as data on an action; middlewares/rate-limit counts, RATE_LIMIT_… says how many. `queries` is every
 * GET of a user. Receipts and typing have none.
 */
export type RateLimit = "messages" | "conversations" | "queries" | "uploads" | "confirms";

/** How often something may happen, in windows that begin with the first time. */
export interface Rate {
	points: number;
	windowSeconds: number;
}

const unitSeconds: Record<string, number> = { second: 1, minute: 60, hour: 3_600, day: 86_400 };

const pattern = /^([1-9]\d{0,8})\/(second|minute|hour|day)$/;

/** `100/hour`, or `off`. */
export function isRate(text: string): boolean {
	return text === "off" || pattern.test(text);
}

/** Of a text that `isRate`. */
export function toRate(text: string): Rate | "off" {
	const [, points, unit = ""] = pattern.exec(text) ?? [];
	return points === undefined ? "off" : { points: Number(points), windowSeconds: unitSeconds[unit] ?? 1 };
}

/** RATE_LIMITED, with when to try again. */
export function rateLimited({ resetSeconds }: { resetSeconds: number }): ParleyError {
	return new ParleyError("RATE_LIMITED", { details: { retryAfterSeconds: resetSeconds } });
}
