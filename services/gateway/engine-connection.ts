import type { Server } from "socket.io";

/**
 * The part of an engine.io connection that the gateway uses. Most of it is not in engine.io's types: it is private there. Only
 * `onEngineConnection`, `engineConnectionOf` and `engineConnectionsById` cast to it.
 */
export interface EngineConnection {
	/** Packets that have not been handed to the transport yet. */
	writeBuffer: { data?: string }[];
	/** The HTTP request that opened it. */
	request: unknown;
	transport: EngineTransport;
	/** Hands the packets of `writeBuffer` to the transport. */
	flush(): void;
	close(discard: boolean): void;
	once(event: "close", listener: () => void): void;
	/** When long polling was replaced by a WebSocket. */
	once(event: "upgrade", listener: (transport: EngineTransport) => void): void;
}

export interface EngineTransport {
	/** Undefined for long polling. */
	socket?: WebSocketConnection;
	/** Long polling only: the longest body that is accepted. */
	maxHttpBufferSize?: number;
	/** Long polling only: the response to the poll that is open, if there is one. */
	res?: { writableFinished: boolean; destroyed: boolean } | null;
	/** Long polling only: how long, in milliseconds, a peer may take to fetch the close packet. */
	closeTimeout?: number;
}

/** A WebSocket of the package `ws`. */
interface WebSocketConnection {
	bufferedAmount: number;
	/** Reads frames; `_maxPayload` is the longest message that it accepts, in bytes. */
	_receiver?: { _maxPayload: number };
	/** Node's socket. Its `_handle` counts the bytes that it was given, and those that the kernel has not taken yet. */
	_socket?: { cork(): void; uncork(): void; _handle?: { bytesWritten: number; writeQueueSize: number } | null };
	close(code?: number, reason?: string): void;
	terminate(): void;
}

/** Calls `listener` with each new connection. */
export function onEngineConnection(io: Server, listener: (connection: EngineConnection) => void): void {
	// engine.io's type of a connection leaves out its private members.
	io.engine.on("connection", (connection: unknown) => listener(connection as EngineConnection));
}

/** The connection of a socket. Several sockets (namespaces) may share one. */
export function engineConnectionOf(socket: { conn: unknown }): EngineConnection {
	return socket.conn as EngineConnection; // engine.io's type of a connection leaves out its private members.
}

/** All open connections by their session ids; a live object of engine.io. */
export function engineConnectionsById(io: Server): Record<string, EngineConnection> {
	return (io.engine as unknown as { clients: Record<string, EngineConnection> }).clients; // `clients` is protected in its type.
}

/** How long a peer may take to answer a closing handshake. The default of `ws` is 30 s. */
const closingMs = 2_000;

/** Closes a connection and drops all packets that wait for it. A peer that does not answer the closing handshake is cut off. */
export function closeSoon(connection: EngineConnection, code?: number, reason?: string): void {
	connection.writeBuffer = [];
	cutSoon(connection);
	connection.transport.socket?.close(code, reason);
	connection.close(true);
}

/** To be called for a connection that is about to be closed: cuts it off if the peer does not answer the closing handshake. */
export function cutSoon(connection: EngineConnection): void {
	const { transport } = connection;
	const { socket: webSocket } = transport;
	transport.closeTimeout = closingMs;
	setTimeout(() => (webSocket ? webSocket.terminate() : connection.close(true)), closingMs).unref();
}

/** Sets the longest packet of one connection. (`ws` and engine.io copy the server's limit to each connection.) */
export function limitPackets(transport: EngineTransport, bytes: number): void {
	const receiver = transport.socket?._receiver;
	if (receiver) receiver._maxPayload = bytes;
	else transport.maxHttpBufferSize = bytes;
}
