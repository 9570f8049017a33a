import { z } from "zod";

/**
 * Every error that a client can get: its HTTP status, its default message, and what the client should do.
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

/** All codes, for a schema of an error. */
export const errorCodes = Object.keys(errorCatalogue) as [ErrorCode, ...ErrorCode[]];

/** Why an image was rejected, with the meaning of each reason. The upload is deleted: the client begins again. */
export const rejectionReasons = {
	NOT_UPLOADED: "Nothing was uploaded, or it was deleted meanwhile.",
	SIZE_MISMATCH: "The upload has another size than was declared.",
	TOO_LARGE: "The upload is larger than an image may be.",
	WRONG_TYPE: "The content of the upload is neither JPEG nor PNG nor WebP.",
	TOO_MANY_PIXELS: "The image has too many pixels in all or on a side.",
	TOO_COSTLY: "The image takes more time or memory than an image may, or was tried twice without an outcome.",
	CORRUPT: "The image cannot be decoded to its end.",
	INFECTED: "The virus scanner found something.",
} as const;
export type RejectionReason = keyof typeof rejectionReasons;

const reasonsText = Object.entries(rejectionReasons).map(([reason, meaning]) => `${reason}: ${meaning}`);

/** What `details` of an error is, by its code. The other codes have no details. */
export const errorDetails = {
	VALIDATION_FAILED: z
		.array(
			z.object({
				path: z.string().meta({ description: "The field, with dots between levels; empty for the request as a whole." }),
				message: z.string().meta({ description: "What is wrong, in English." }),
			}),
		)
		.meta({
			description: "What is wrong with the request: at most 20 places.",
			examples: [[{ path: "content", message: "must not be empty" }]],
		}),
	IMAGE_NOT_READY: z.object({
		reason: z.enum(["NOT_CONFIRMED", "ALREADY_SENT"]).meta({
			description: "NOT_CONFIRMED: the upload was not confirmed yet. ALREADY_SENT: the image is in another message.",
		}),
	}),
	IMAGE_REJECTED: z.object({
		reason: z.enum(Object.keys(rejectionReasons) as [RejectionReason, ...RejectionReason[]]).meta({
			description: reasonsText.join(" "),
		}),
	}),
	RATE_LIMITED: z.object({
		retryAfterSeconds: z.number().meta({ description: "How long to wait before the next attempt.", examples: [30] }),
	}),
	UNAVAILABLE: z.object({
		missing: z.array(z.string()).meta({ description: "The parts that are unavailable. Only `GET /health/ready` reports them." }),
	}),
} satisfies Partial<Record<ErrorCode, z.ZodType>>;

export type ErrorDetails = { [C in keyof typeof errorDetails]: z.infer<(typeof errorDetails)[C]> };

/** One thing that is wrong with a request. */
export type ValidationDetail = ErrorDetails["VALIDATION_FAILED"][number];
