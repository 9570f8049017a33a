import type { ClientSocket } from "./sockets.ts";

/** What may wait for a socket that does not read: enough for a page of history over a bad line. */
const maxWaitingBytes = 1024 * 1024;
const maxWaitingPackets = 1_000;

/** Every how many packets their bytes are counted. */
const countEvery = 32;

/** WebSocket's «try again later»: the client reconnects and gets the rest by `sync`. */
const tryAgainLater = 1013;

/** How long the farewell may take; a peer that reads nothing never answers it. */
const farewellMs = 2_000;

/** What we need of an engine.io connection beyond its types. */
interface Connection {
	writeBuffer: { data?: string }[];
	transport: { socket?: WebSocketConnection };
	close(discard: boolean): void;
}

interface WebSocketConnection {
	close(code: number, reason: string): void;
	terminate(): void;
}

/**
 * Whether the socket reads more slowly than it is told, past bearing: its memory must not grow with the traffic. engine.io hands
 * the next packets to the connection when the last ones are written; until then they are in its buffer.
 */
export function isSlow(socket: ClientSocket): boolean {
	const { writeBuffer } = socket.conn as unknown as Connection;
	if (writeBuffer.length < countEvery) return false;
	if (writeBuffer.length > maxWaitingPackets) return true;
	if (writeBuffer.length % countEvery !== 0) return false;
	return writeBuffer.reduce((bytes, { data }) => bytes + (data?.length ?? 0), 0) > maxWaitingBytes;
}

/** Closes it with a code that says to reconnect, and drops what waits. */
export function dropSlow(socket: ClientSocket): void {
	const connection = socket.conn as unknown as Connection;
	const webSocket = connection.transport.socket;
	connection.writeBuffer = [];
	webSocket?.close(tryAgainLater, "too slow");
	connection.close(true);
	setTimeout(() => webSocket?.terminate(), farewellMs).unref();
}
