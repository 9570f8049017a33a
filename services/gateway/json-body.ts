import { isUtf8 } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import ApiService from "moleculer-web";
import { ParleyError } from "../../lib/errors.ts";

type Next = (error?: unknown) => void;
type Request = IncomingMessage & { body?: unknown };

/** Enough for 5,000 code points, each written as two JSON escapes, and the metadata. */
const bodyLimitBytes = 128 * 1024;

/** What browsers send, and what mail programs do (RFC 8058 prefers the second). */
const formTypes = ["application/x-www-form-urlencoded", "multipart/form-data"];

const parseJson = ApiService.bodyParser.json({
	limit: bodyLimitBytes,
	inflate: false,
	// The parser would replace invalid bytes silently.
	verify(_req: unknown, _res: unknown, bytes: Buffer) {
		if (!isUtf8(bytes)) throw new ParleyError("MALFORMED_JSON");
	},
});

/** For a body that is read and not used. Its size is limited as that of JSON, and it is not unpacked either. */
const skipForm = ApiService.bodyParser.raw({ type: formTypes, limit: bodyLimitBytes, inflate: false });

/**
 * Reads the body: a JSON object in UTF-8. Compressed bodies are refused: the body is read before the token is verified, and a few
 * compressed bytes could expand to megabytes. UNSUPPORTED_MEDIA_TYPE, MALFORMED_JSON, PAYLOAD_TOO_LARGE, VALIDATION_FAILED.
 */
export function jsonBody(req: Request, res: ServerResponse, next: Next): void {
	const refused = refusalOf(req);
	if (refused) next(refused);
	else
		parseJson(req, res, (error?: unknown) => {
			if (error) next(isMalformed(error) ? new ParleyError(error.type) : error);
			else next(Array.isArray(req.body) ? invalid("", "must be an object") : undefined);
		});
}

/**
 * As `jsonBody`, and takes a form too, whose content is ignored: a browser's form without fields, and what mail programs send to
 * unsubscribe (RFC 8058), say all that there is to say by their URL. No other route takes forms, since a page of another origin can
 * send one without asking first.
 */
export function jsonOrFormBody(req: Request, res: ServerResponse, next: Next): void {
	if (lacksHost(req) || !hasBody(req) || !formTypes.some((type) => isPlain(req, type))) jsonBody(req, res, next);
	else
		skipForm(req, res, (error?: unknown) => {
			delete req.body;
			next(error);
		});
}

/** The error of a request whose headers show that its body cannot be accepted. */
function refusalOf(req: Request): ParleyError | undefined {
	if (lacksHost(req)) return invalid("Host", "is needed");
	return hasBody(req) && !isPlain(req, "application/json") ? new ParleyError("UNSUPPORTED_MEDIA_TYPE") : undefined;
}

/** `requireHostHeader` is off (http-connections.ts), so that the answer has our error format. */
function lacksHost({ headers, httpVersion }: IncomingMessage): boolean {
	return headers.host === undefined && httpVersion !== "1.0";
}

function hasBody({ headers }: IncomingMessage): boolean {
	return Number(headers["content-length"] ?? 0) > 0 || headers["transfer-encoding"] !== undefined;
}

/** Whether the body is uncompressed and of this type, in UTF-8. */
function isPlain({ headers }: IncomingMessage, wantedType: string): boolean {
	const [type = "", ...parameters] = (headers["content-type"] ?? "").toLowerCase().split(";");
	const charsets = parameters.map((parameter) => parameter.trim()).filter((parameter) => parameter.startsWith("charset"));
	return (
		type.trim() === wantedType &&
		charsets.every((charset) => /^charset\s*=\s*"?utf-8"?$/.test(charset)) &&
		(headers["content-encoding"] ?? "identity").toLowerCase() === "identity"
	);
}

/** Whether `verify` threw this. The body parser wraps such an error in one of its own, with the same type. */
function isMalformed(error: unknown): error is { type: "MALFORMED_JSON" } {
	return (error as { type?: unknown }).type === "MALFORMED_JSON";
}

function invalid(path: string, message: string): ParleyError {
	return new ParleyError("VALIDATION_FAILED", { details: [{ path, message }] });
}
