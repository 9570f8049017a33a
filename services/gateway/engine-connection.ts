/** What we need of an engine.io connection beyond its types. */
export interface EngineConnection {
	writeBuffer: { data?: string }[];
	/** The HTTP request that opened it. */
	request: unknown;
	transport: { socket?: WebSocketConnection };
	close(discard: boolean): void;
	once(event: "close", listener: () => void): void;
}

/** ws's WebSocket; undefined above for long polling. */
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
	const webSocket = connection.transport.socket;
	connection.writeBuffer = [];
	webSocket?.close(code, reason);
	connection.close(true);
	cutSoon(connection);
}

/** For a connection that is being closed. */
export function cutSoon({ transport }: Pick<EngineConnection, "transport">): void {
	const webSocket = transport.socket;
	setTimeout(() => webSocket?.terminate(), closingMs).unref();
}
