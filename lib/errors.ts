import { Errors } from "moleculer";
import { isUnavailable } from "./unavailable.ts";

/**
 * Every error that a client can meet: its HTTP status, the sentence it carries by default, and what the client should do.
 * Codes are part of the protocol and never change.
 */
export const errorCatalogue = {
	VALIDATION_FAILED: { status: 400, message: "The request is not valid.", client: "fix the request; details says what is wrong" },
	MALFORMED_JSON: { status: 400, message: "The body is not valid JSON.", client: "fix the request" },
	UNAUTHENTICATED: { status: 401, message: "A valid token is needed.", client: "sign in again" },
	TOKEN_EXPIRED: { status: 401, message: "The token has expired.", client: "get a new token and try again" },
	FORBIDDEN: { status: 403, message: "This role may not do that.", client: "do not retry" },
	APPLICATION_REQUIRED: { status: 403, message: "A conversation needs a job application first.", client: "do not retry" },
	NOT_FOUND: { status: 404, message: "There is no such thing, or it is not yours.", client: "forget the id" },
	CONVERSATION_ARCHIVED: { status: 409, message: "The conversation is archived.", client: "offer to reopen it" },
	IMAGE_NOT_READY: {
		status: 409,
		message: "The image is not confirmed yet, or is in another message.",
		client: "confirm it first, or upload it again; details.reason says which",
	},
	CLIENT_ID_REUSED: { status: 409, message: "This clientId was used for another message.", client: "use a new clientId" },
	ERASED: { status: 409, message: "This person was erased.", client: "do not retry; a person who comes back gets a new id" },
	PAYLOAD_TOO_LARGE: { status: 413, message: "The body is too large.", client: "send less" },
	UNSUPPORTED_MEDIA_TYPE: { status: 415, message: "The body must be application/json.", client: "fix the request" },
	IMAGE_REJECTED: { status: 422, message: "The image cannot be used.", client: "choose another image; details.reason says why" },
	RATE_LIMITED: { status: 429, message: "Too many requests.", client: "wait for details.retryAfterSeconds, then try again" },
	UNAVAILABLE: { status: 503, message: "Not available right now.", client: "try again with backoff; sends are idempotent" },
	INTERNAL: { status: 500, message: "Something went wrong.", client: "try again later; report the requestId" },
} as const satisfies Record<string, { status: number; message: string; client: string }>;

export type ErrorCode = keyof typeof errorCatalogue;

/** One thing that is wrong with a request: where (dotted path, empty for the whole) and what. */
export interface ValidationDetail {
	path: string;
	message: string;
}

/**
 * An error of the catalogue. Between nodes it arrives as a plain Error with the same `type`, `code` (the HTTP status) and
 * `data`: branch on `type`, never on `instanceof`.
 */
export class ParleyError extends Errors.MoleculerError {
	constructor(code: ErrorCode, options: { message?: string; details?: unknown; cause?: unknown } = {}) {
		const entry = errorCatalogue[code];
		super(options.message ?? entry.message, entry.status, code, options.details);
		this.name = "ParleyError";
		if (options.cause !== undefined) this.cause = options.cause;
	}
}

/** What a client sees of an error, over REST and sockets alike. */
export interface PublicError {
	code: ErrorCode;
	message: string;
	details?: unknown;
}

/** Turns any error into one of the catalogue. What is not in it is INTERNAL, and nothing of it leaves. */
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

/** What the web framework and its body parser call their errors. */
const foreign = new Map<string, ErrorCode>(
	Object.entries({
		"entity.parse.failed": "MALFORMED_JSON",
		"entity.too.large": "PAYLOAD_TOO_LARGE",
		"parameters.too.many": "PAYLOAD_TOO_LARGE",
		"charset.unsupported": "UNSUPPORTED_MEDIA_TYPE",
		"encoding.unsupported": "UNSUPPORTED_MEDIA_TYPE",
		"request.aborted": "MALFORMED_JSON",
		"request.size.invalid": "MALFORMED_JSON",
		// A path that is not valid percent-encoding names nothing.
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
