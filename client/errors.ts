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
	/** Of the message that was not sent, as far as is known: sent again with this clientId it is stored once. */
	readonly clientId: string | undefined;

	constructor(error: ErrorFields, options?: ErrorOptions) {
		super(error.message, options);
		this.name = "ParleyApiError";
		this.code = error.code;
		this.status = error.status ?? 0;
		this.details = error.details;
		this.requestId = error.requestId;
		this.clientId = error.clientId;
	}

	/** The same error, of the message with this clientId. */
	about(clientId: string): ParleyApiError {
		return new ParleyApiError({ ...this, message: this.message, clientId }, { cause: this.cause ?? this });
	}
}

/** Whether the same request may succeed later, or was carried out already and only its answer got lost. */
export function isPassing(error: unknown): error is ParleyApiError {
	if (!(error instanceof ParleyApiError)) return false;
	return (error.code === "UNAVAILABLE" || error.code === "NETWORK") && (error.status === 0 || error.status >= 500);
}

interface ErrorFields {
	code: ErrorCode | "NETWORK";
	message: string;
	status?: number;
	details?: unknown;
	requestId?: string | undefined;
	clientId?: string;
}
