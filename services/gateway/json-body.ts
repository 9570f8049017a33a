import { isUtf8 } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import ApiService from "moleculer-web";
import { ParleyError } from "../../lib/errors.ts";

type Next = (error?: unknown) => void;
type Request = IncomingMessage & { body?: unknown };

/** Enough for 5,000 code points, each written as two JSON escapes, and the metadata. */
const bodyLimitBytes = 128 * 1024;

const parseJson = ApiService.bodyParser.json({
	limit: bodyLimitBytes,
	inflate: false,
	// The parser would replace invalid bytes silently.
	verify(_req: unknown, _res: unknown, bytes: Buffer) {
		if (!isUtf8(bytes)) throw new ParleyError("MALFORMED_JSON");
	},
});

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

/** The error of a request whose headers show that its body cannot be accepted. */
function refusalOf(req: Request): ParleyError | undefined {
	// `requireHostHeader` is off (http-connections.ts), so that this answer has our error format.
	if (req.headers.host === undefined && req.httpVersion !== "1.0") return invalid("Host", "is needed");
	return hasBody(req) && !isPlainJson(req) ? new ParleyError("UNSUPPORTED_MEDIA_TYPE") : undefined;
}

function hasBody({ headers }: IncomingMessage): boolean {
	return Number(headers["content-length"] ?? 0) > 0 || headers["transfer-encoding"] !== undefined;
}

function isPlainJson({ headers }: IncomingMessage): boolean {
	const [type = "", ...parameters] = (headers["content-type"] ?? "").toLowerCase().split(";");
	const charsets = parameters.map((parameter) => parameter.trim()).filter((parameter) => parameter.startsWith("charset"));
	return (
		type.trim() === "application/json" &&
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
