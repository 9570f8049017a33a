import type { ErrorCode } from "./types.ts";

/** A refusal by the server, over REST or the socket, or no answer at all. Branch on `code`. */
export class ParleyApiError extends Error {
	/** `NETWORK`: no answer came, so whether the request was carried out is not known. */
	readonly code: ErrorCode | "NETWORK";
	/** The HTTP status; 0 for errors that did not come over REST. */
	readonly status: number;
	/** `ErrorDetails` has its shape for each code. */
	readonly details: unknown;
	/** Quote it when you report a problem. */
	readonly requestId: string | undefined;
	/** Of the message that was not sent, as far as is known: sent again with this clientId it is stored once. */
	readonly clientId: string | undefined;
	/** Of the image that was uploaded and could not be confirmed: `RestClient.confirmImage` may succeed later. */
	readonly imageId: string | undefined;

	constructor(error: ErrorFields, options?: ErrorOptions) {
		super(error.message, options);
		this.name = "ParleyApiError";
		this.code = error.code;
		this.status = error.status ?? 0;
		this.details = error.details;
		this.requestId = error.requestId;
		this.clientId = error.clientId;
		this.imageId = error.imageId;
	}

	/** The same error, of the message with this clientId, or of this image. */
	about(subject: { clientId: string } | { imageId: string }): ParleyApiError {
		return new ParleyApiError({ ...this, message: this.message, ...subject }, { cause: this.cause ?? this });
	}
}

/** Whether the same request may succeed later, or was carried out already and only its answer got lost. */
export function isPassing(error: unknown): error is ParleyApiError {
	if (!(error instanceof ParleyApiError)) return false;
	const { code, status } = error;
	return code === "NETWORK" || (code === "UNAVAILABLE" && (status === 0 || status >= 500));
}

/** Of what is asked while there is no connection, nor will be. */
export function closedError(): ParleyApiError {
	return new ParleyApiError({ code: "NETWORK", message: "Closed before an answer came." });
}

export interface ErrorFields {
	code: ErrorCode | "NETWORK";
	message: string;
	status?: number;
	details?: unknown;
	requestId?: string | undefined;
	clientId?: string | undefined;
	imageId?: string | undefined;
}
