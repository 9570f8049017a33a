import { randomUUID } from "node:crypto";
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { type ErrorCode, errorCatalogue } from "../../lib/errors.ts";

/** What Node's parser calls its errors, and how they are answered; any other is a request that is not HTTP. */
const answers: Record<string, { status: number; code: ErrorCode }> = {
	HPE_HEADER_OVERFLOW: { status: 431, code: "PAYLOAD_TOO_LARGE" },
	HPE_CHUNK_EXTENSIONS_OVERFLOW: { status: 413, code: "PAYLOAD_TOO_LARGE" },
	ERR_HTTP_REQUEST_TIMEOUT: { status: 408, code: "UNAVAILABLE" },
};
const notHttp: { status: number; code: ErrorCode } = { status: 400, code: "VALIDATION_FAILED" };

/** For the server's event `clientError`: a request that does not come as far as a handler is answered in the envelope, too. */
export function answerUnparsable(error: Error & { code?: string }, socket: Socket): void {
	// Behind the head of an answer that has gone out already, ours would be read as its body.
	const { _httpMessage: underWay } = socket as Socket & { _httpMessage?: { headersSent: boolean } | null };
	if (!socket.writable || error.code === "ECONNRESET" || underWay?.headersSent) {
		socket.destroy(error);
		return;
	}
	const { status, code } = answers[error.code ?? ""] ?? notHttp;
	const requestId = randomUUID();
	const body = JSON.stringify({ error: { code, message: errorCatalogue[code].message, requestId } });
	const head = [
		`HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
		"Content-Type: application/json; charset=utf-8",
		`Content-Length: ${Buffer.byteLength(body)}`,
		"Cache-Control: no-store",
		`X-Request-Id: ${requestId}`,
		"Connection: close",
	];
	socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy(error));
}
