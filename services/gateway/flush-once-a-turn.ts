import type { Server } from "socket.io";

/** What we need of an engine.io connection; `flush` is not in its types. */
interface Connection {
	flush(): void;
	transport: { socket?: { _socket?: { cork(): void; uncork(): void } } };
}

/**
 * Sends what a connection is told in one turn of the event loop with one system call. After a commit a socket gets many packets
 * at once (acknowledgements, messages, receipts), and engine.io would write each by itself: those calls were half of a busy
 * gateway's CPU time. Nothing waits longer than for the end of the turn.
 */
export function flushOnceATurn(io: Server): void {
	let waiting: Set<() => void> = new Set();

	function flushAll(): void {
		const due = waiting;
		waiting = new Set();
		for (const flush of due) flush();
	}

	io.engine.on("connection", (engineSocket) => {
		const connection = engineSocket as unknown as Connection;
		const flush = connection.flush;
		const flushCorked = () => {
			const tcp = connection.transport.socket?._socket;
			tcp?.cork();
			flush.call(connection);
			tcp?.uncork();
		};
		connection.flush = () => {
			if (waiting.size === 0) setImmediate(flushAll);
			waiting.add(flushCorked);
		};
	});
}
