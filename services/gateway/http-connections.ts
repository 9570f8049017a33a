import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import { answerUnparsable } from "./unparsable.ts";

/**
 * Load balancers keep idle connections for 60 s by default (AWS, nginx, HAProxy). Were ours to end first, a balancer would now
 * and then send a request into a connection that is just being closed, and answer 502.
 */
const keepAliveTimeoutMs = 72_000;

/** How long the headers of a request may take, and a request as a whole. Between requests neither counts. */
const headersTimeoutMs = 15_000;
const requestTimeoutMs = 20_000;

/** How often Node looks for requests that take longer. Its default is 30 s, for which all of them would be held besides. */
const lookIntervalMs = 5_000;

/** What is still open this long after the server was closed is cut: connections without a request, or with an endless one. */
const closingMs = 1_000;

/** The server of the gateway, with bounds on how long requests take. What cannot be parsed is answered as anything else. */
export function createBoundedServer(handler: RequestListener): Server {
	const options = {
		headersTimeout: headersTimeoutMs,
		requestTimeout: requestTimeoutMs,
		connectionsCheckingInterval: lookIntervalMs,
		// Node would answer such a request itself, without an envelope. `jsonBody` refuses it.
		requireHostHeader: false,
	};
	return createServer(options, handler).on("clientError", answerUnparsable);
}

/** Keeps idle connections open, and ends each with its next answer as soon as `isDraining`. */
export function keepConnections(server: Server, isDraining: () => boolean): void {
	server.keepAliveTimeout = keepAliveTimeoutMs;
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
