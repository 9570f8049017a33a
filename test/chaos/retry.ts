import { ParleyApiError } from "../../client/errors.ts";

/** How long an app waits before it tries again. */
export const retryMs = 200;

/** What an app tries again by itself. */
export const passing: ReadonlySet<string> = new Set(["UNAVAILABLE", "INTERNAL", "NETWORK"]);

/** By which an app decides; of a failure that is no answer, its text. */
export function codeOf(error: unknown): string {
	return error instanceof ParleyApiError ? error.code : String(error);
}
