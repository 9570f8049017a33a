import type { IncomingMessage, Server, ServerResponse } from "node:http";

/**
 * Load balancers keep idle connections for 60 s by default (AWS, nginx, HAProxy). Were ours to end first, a balancer would now
 * and then send a request into a connection that is just being closed, and answer 502.
 */
const keepAliveTimeoutMs = 72_000;

/**
 * How long the headers of a request may take, and a request as a whole. Node looks every 30 s. Between requests neither counts.
 */
const headersTimeoutMs = 15_000;
const requestTimeoutMs = 20_000;

/** What is still open this long after the server was closed is cut: connections without a request, or with an endless one. */
const closingMs = 1_000;

/** Keeps idle connections open, and ends each with its next answer as soon as `isDraining`. */
export function keepConnections(server: Server, isDraining: () => boolean): void {
	server.keepAliveTimeout = keepAliveTimeoutMs;
	server.headersTimeout = headersTimeoutMs;
	server.requestTimeout = requestTimeoutMs;
	server.prependListener("request", ({ socket }: IncomingMessage, res: ServerResponse) => {
		if (isDraining()) res.setHeader("Connection", "close");
		// A request that came before: the answer had promised to keep the connection.
		else res.once("finish", () => isDraining() && socket.end());
	});
}

/** To be called just before the server is closed, which closes idle connections and waits for the others. */
export function closeConnectionsSoon(server: Server): void {
	const closing = setTimeout(() => server.closeAllConnections(), closingMs);
	server.once("close", () => clearTimeout(closing));
}
