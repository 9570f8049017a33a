import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import { answerUnparsable } from "./unparsable.ts";

/**
 * How long idle connections are kept. Load balancers keep them for 60 s by default (AWS, nginx, HAProxy). If the gateway closed
 * first, a balancer would sometimes send a request into a connection that is just being closed, and answer 502.
 */
const keepAliveTimeoutMs = 72_000;

/** How long the headers of a request may take, and the whole request. Idle time between requests does not count. */
const headersTimeoutMs = 15_000;
const requestTimeoutMs = 20_000;

/** How often Node looks for requests that take longer. With its default (30 s) they would be held up to 30 s longer. */
const checkIntervalMs = 5_000;

/** Connections that are still open this long after the server was closed are cut. */
const closingMs = 1_000;

/** The gateway's HTTP server, with limits on how long requests take. Requests that cannot be parsed get a normal error answer. */
export function createBoundedServer(handler: RequestListener): Server {
	const options = {
		headersTimeout: headersTimeoutMs,
		requestTimeout: requestTimeoutMs,
		connectionsCheckingInterval: checkIntervalMs,
		// Node would answer a request without Host itself, not in our error format. `jsonBody` refuses it instead.
		requireHostHeader: false,
	};
	return createServer(options, handler).on("clientError", answerUnparsable);
}

/** Keeps idle connections open, and ends each with its next answer as soon as `isDraining`. */
export function keepConnections(server: Server, isDraining: () => boolean): void {
	server.keepAliveTimeout = keepAliveTimeoutMs;
	server.prependListener("request", ({ socket }: IncomingMessage, res: ServerResponse) => {
		if (isDraining()) res.setHeader("Connection", "close");
		// The drain may begin before the answer is finished. Its headers have already promised to keep the connection.
		else res.once("finish", () => isDraining() && socket.end());
	});
}

/** To be called just before the server is closed. Closing ends idle connections and waits for the others. */
export function closeConnectionsSoon(server: Server): void {
	const closing = setTimeout(() => server.closeAllConnections(), closingMs);
	server.once("close", () => clearTimeout(closing));
}
