/** What we need of an engine.io connection beyond its types. */
export interface EngineConnection {
	writeBuffer: { data?: string }[];
	/** The HTTP request that opened it. */
	request: unknown;
	transport: EngineTransport;
	close(discard: boolean): void;
	once(event: "close", listener: () => void): void;
	/** From long polling to a WebSocket. */
	once(event: "upgrade", listener: (transport: EngineTransport) => void): void;
}

export interface EngineTransport {
	/** Undefined for long polling. */
	socket?: WebSocketConnection;
	/** Of long polling: the longest body, and how long a peer may take to fetch the close. */
	maxHttpBufferSize?: number;
	/** Of long polling: the request that waits for something to be said, while there is one. */
	res?: { writableFinished: boolean; destroyed: boolean } | null;
	closeTimeout?: number;
}

/** ws's WebSocket. */
interface WebSocketConnection {
	bufferedAmount: number;
	/** Reads frames; `_maxPayload` is the longest message that it takes. */
	_receiver?: { _maxPayload: number };
	/** Node's socket, whose `_handle` counts what it was given and what the kernel has not taken of that. */
	_socket?: { _handle?: { bytesWritten: number; writeQueueSize: number } | null };
	close(code?: number, reason?: string): void;
	terminate(): void;
}

/** How long a peer may take to answer a closing handshake; ws itself would wait for 30 s. */
const closingMs = 2_000;

/** Closes a connection with all that waits for it. A peer that does not answer the closing handshake is cut off. */
export function closeSoon(connection: EngineConnection, code?: number, reason?: string): void {
	connection.writeBuffer = [];
	cutSoon(connection);
	connection.transport.socket?.close(code, reason);
	connection.close(true);
}

/** For a connection that is about to be closed. */
export function cutSoon(connection: EngineConnection): void {
	const { transport } = connection;
	const { socket: webSocket } = transport;
	transport.closeTimeout = closingMs;
	setTimeout(() => (webSocket ? webSocket.terminate() : connection.close(true)), closingMs).unref();
}

/** ws and engine.io have one limit for all connections of a server; each connection has its own copy of it. */
export function limitPackets(transport: EngineTransport, bytes: number): void {
	const receiver = transport.socket?._receiver;
	if (receiver) receiver._maxPayload = bytes;
	else transport.maxHttpBufferSize = bytes;
}
