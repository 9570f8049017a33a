import type { IncomingMessage } from "node:http";
import type { Server } from "socket.io";
import { closeSoon, type EngineConnection, type EngineTransport } from "./engine-connection.ts";

type PollResponse = NonNullable<EngineTransport["res"]>;

/**
 * Closes a connection by long polling whose peer asks for more before it has read what it was answered: each answer takes all
 * that waits, so that nothing of what is not read would count as waiting (slow-consumer.ts).
 */
export function closeUnreadPolls(io: Server): void {
	const answers = new WeakMap<EngineConnection, PollResponse>();
	const { clients } = io.engine as unknown as { clients: Record<string, EngineConnection> };
	io.engine.on("headers", (_headers: object, req: IncomingMessage & { _query?: { sid?: string } }) => {
		const connection = clients[req._query?.sid ?? ""];
		const answer = connection?.transport.res;
		if (!connection || !answer || req.method !== "GET") return;
		const last = answers.get(connection);
		answers.set(connection, answer);
		// Later, since engine.io is about to write.
		if (last && !last.writableFinished && !last.destroyed) setImmediate(() => closeSoon(connection));
	});
}
