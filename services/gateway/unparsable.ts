import { randomUUID } from "node:crypto";
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { type ErrorCode, errorCatalogue } from "../../lib/errors.ts";

/** The answers to errors of Node's HTTP parser, by their codes. Any other error means that the request is not HTTP. */
const answers: Record<string, { status: number; code: ErrorCode }> = {
	HPE_HEADER_OVERFLOW: { status: 431, code: "PAYLOAD_TOO_LARGE" },
	HPE_CHUNK_EXTENSIONS_OVERFLOW: { status: 413, code: "PAYLOAD_TOO_LARGE" },
	ERR_HTTP_REQUEST_TIMEOUT: { status: 408, code: "UNAVAILABLE" },
};
const notHttp: { status: number; code: ErrorCode } = { status: 400, code: "VALIDATION_FAILED" };

/** Listener for the server's event `clientError`: answers a request that never reaches a handler, in our error format. */
export function answerUnparsable(error: Error & { code?: string }, socket: Socket): void {
	// After the head of another answer, this answer would be read as its body.
	const { _httpMessage: current } = socket as Socket & { _httpMessage?: { headersSent: boolean } | null };
	if (!socket.writable || error.code === "ECONNRESET" || current?.headersSent) {
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
