import type { IncomingMessage } from "node:http";
import type { Server } from "socket.io";
import { closeSoon, type EngineConnection, type EngineTransport, engineConnectionsById } from "./engine-connection.ts";

type PollResponse = NonNullable<EngineTransport["res"]>;

/**
 * Closes a long-polling connection whose peer sends a new poll before it has read the response to the last one. Each response
 * takes all packets that wait, so slow-consumer.ts cannot count what such a peer does not read.
 */
export function closeStalledPolling(io: Server): void {
	const lastResponses = new WeakMap<EngineConnection, PollResponse>();
	const connections = engineConnectionsById(io);
	io.engine.on("headers", (_headers: object, req: IncomingMessage & { _query?: { sid?: string } }) => {
		const connection = connections[req._query?.sid ?? ""];
		const response = connection?.transport.res;
		if (!connection || !response || req.method !== "GET") return;
		const last = lastResponses.get(connection);
		lastResponses.set(connection, response);
		// Not in this turn, since engine.io is about to write the response.
		if (last && !last.writableFinished && !last.destroyed) setImmediate(() => closeSoon(connection));
	});
}
