import type { IncomingHttpHeaders } from "node:http";
import type { Outcome } from "./channel.ts";

/** The outcome of a connection that failed. Only the code is shown: messages of errors may contain addresses. */
export function failureOf(error: unknown): Outcome {
	const { code, name } = error as NodeJS.ErrnoException;
	if (name === "AbortError" || name === "TimeoutError") return { kind: "failed", reason: "no answer in time" };
	return { kind: "failed", reason: /^[A-Z][A-Z0-9_]+$/.test(String(code)) ? String(code) : "the connection failed" };
}

/** The outcome of an answer by its HTTP status alone, where the provider documents nothing more exact. */
export function outcomeOfStatus(status: number, reason: string, headers: IncomingHttpHeaders): Outcome {
	if (status >= 200 && status < 300) return { kind: "accepted" };
	if (status === 408 || status === 429 || status >= 500) return { kind: "failed", reason, ...retryAfter(headers["retry-after"]) };
	return { kind: "refused", reason };
}

/** What a Retry-After header says: seconds, or an HTTP date. At most an hour. */
export function retryAfter(header: string | undefined, now = Date.now()): { retryAfterMs?: number } {
	if (header === undefined) return {};
	const ms = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - now;
	return ms > 0 ? { retryAfterMs: Math.min(ms, maxRetryAfterMs) } : {};
}

const maxRetryAfterMs = 3_600_000;
