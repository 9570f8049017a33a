import { Errors } from "moleculer";
import { type ErrorCode, type ErrorDetails, errorCatalogue } from "./error-catalogue.ts";
import { isUnavailable } from "./unavailable.ts";

export { type ErrorCode, type ErrorDetails, errorCatalogue, type ValidationDetail } from "./error-catalogue.ts";

/**
 * An error of the catalogue. Between nodes it arrives as a plain Error with the same `type`, `code` (the HTTP status) and
 * `data`. So check `type`, never `instanceof`.
 */
export class ParleyError<Code extends ErrorCode = ErrorCode> extends Errors.MoleculerError {
	constructor(code: Code, options: ParleyErrorOptions<Code> = {}) {
		const entry = errorCatalogue[code];
		super(options.message ?? entry.message, entry.status, code, options.details);
		this.name = "ParleyError";
		if (options.cause !== undefined) this.cause = options.cause;
	}
}

interface ParleyErrorOptions<Code extends ErrorCode> {
	/** Replaces the message of the catalogue. */
	message?: string;
	/** For the client. Only the codes of `errorDetails` have some. */
	details?: Code extends keyof ErrorDetails ? ErrorDetails[Code] : never;
	/** For the log. */
	cause?: unknown;
}

/** What a client sees of an error, over REST and sockets alike. */
export interface PublicError {
	code: ErrorCode;
	message: string;
	details?: unknown;
}

/** Turns any error into one of the catalogue. Any other error is INTERNAL, and the client gets no details of it. */
export function publicError(error: unknown): PublicError {
	const { type, message, data } = describe(error);
	const code = isErrorCode(type) ? type : codeOf(error);
	if (code !== type || code === "INTERNAL") return { code, message: errorCatalogue[code].message };
	return { code, message, ...(data != null && { details: data }) };
}

function isErrorCode(type: string): type is ErrorCode {
	return Object.hasOwn(errorCatalogue, type);
}

export function isUnexpected(error: PublicError): boolean {
	return errorCatalogue[error.code].status >= 500;
}

/** The errors of the web framework and its body parser. */
const foreign = new Map<string, ErrorCode>(
	Object.entries({
		"entity.parse.failed": "MALFORMED_JSON",
		"entity.too.large": "PAYLOAD_TOO_LARGE",
		"parameters.too.many": "PAYLOAD_TOO_LARGE",
		"charset.unsupported": "UNSUPPORTED_MEDIA_TYPE",
		"encoding.unsupported": "UNSUPPORTED_MEDIA_TYPE",
		"request.aborted": "MALFORMED_JSON",
		"request.size.invalid": "MALFORMED_JSON",
		// A path that is not valid percent-encoding names nothing that exists.
		UNABLE_DECODE_PARAM: "NOT_FOUND",
	}),
);

function codeOf(error: unknown): ErrorCode {
	return foreign.get(describe(error).type) ?? (isUnavailable(error) ? "UNAVAILABLE" : "INTERNAL");
}

function describe(error: unknown) {
	const { type, message, data } = (error ?? {}) as Record<string, unknown>;
	return { type: String(type ?? ""), message: String(message ?? ""), data };
}
