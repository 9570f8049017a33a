import { ParleyError } from "./errors.ts";

/**
 * The limit that a user's call of an action counts against, as data on the action's contract. middlewares/rate-limit counts, and the
 * settings RATE_LIMIT_… say how many are allowed. `queries` is for every GET. Receipts and typing have no limit.
 */
export type RateLimit = "messages" | "conversations" | "queries" | "uploads" | "confirms";

/** How many operations a window allows. A window begins with its first operation. */
export interface Rate {
	points: number;
	windowSeconds: number;
}

const unitSeconds: Record<string, number> = { second: 1, minute: 60, hour: 3_600, day: 86_400 };

const pattern = /^([1-9]\d{0,8})\/(second|minute|hour|day)$/;

/** Whether it is a rate such as `100/hour`, or `off`. */
export function isRate(text: string): boolean {
	return text === "off" || pattern.test(text);
}

/** Parses a text for which `isRate` is true. */
export function toRate(text: string): Rate | "off" {
	const [, points, unit = ""] = pattern.exec(text) ?? [];
	return points === undefined ? "off" : { points: Number(points), windowSeconds: unitSeconds[unit] ?? 1 };
}

/** The error RATE_LIMITED, which says when to try again. */
export function rateLimited({ resetSeconds }: { resetSeconds: number }): ParleyError {
	return new ParleyError("RATE_LIMITED", { details: { retryAfterSeconds: resetSeconds } });
}
