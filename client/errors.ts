import type { ErrorCode } from "./types.ts";

/** A refusal by the server, over REST or the socket, or no answer at all. Branch on `code`. */
export class ParleyApiError extends Error {
	/** `NETWORK`: no answer came, so whether the request was carried out is not known. */
	readonly code: ErrorCode | "NETWORK";
	/** The HTTP status; 0 for errors that did not come over REST. */
	readonly status: number;
	/** For VALIDATION_FAILED a list of `{path, message}`. */
	readonly details: unknown;
	/** Quote it when you report a problem. */
	readonly requestId: string | undefined;

	constructor(
		error: { code: ErrorCode | "NETWORK"; message: string; status?: number; details?: unknown; requestId?: string },
		options?: ErrorOptions,
	) {
		super(error.message, options);
		this.name = "ParleyApiError";
		this.code = error.code;
		this.status = error.status ?? 0;
		this.details = error.details;
		this.requestId = error.requestId;
	}
}
