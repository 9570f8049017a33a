import type { Server } from "socket.io";
import { onEngineConnection } from "./engine-connection.ts";

/**
 * Sends all packets that a connection gets in one turn of the event loop with one system call. After a commit a socket gets many
 * packets at once (acknowledgements, messages, receipts). engine.io would write each of them separately, and these calls took
 * half of a busy gateway's CPU time. A packet waits for the end of the turn at most.
 */
export function flushOnceATurn(io: Server): void {
	let waiting: Set<() => void> = new Set();

	function flushAll(): void {
		const due = waiting;
		waiting = new Set();
		for (const flush of due) flush();
	}

	onEngineConnection(io, (connection) => {
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
