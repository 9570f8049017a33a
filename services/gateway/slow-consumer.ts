import { closeSoon, type EngineConnection } from "./engine-connection.ts";
import type { ClientSocket } from "./sockets.ts";

/** With more than this waiting, a socket whose connection takes nothing is slow. A page of history over a bad line is less. */
const maxWaitingBytes = 1024 * 1024;
const maxWaitingPackets = 1_000;

/** How long the connection may take nothing meanwhile: a bad line takes a little all the time. */
const stalledMs = 5_000;

/** With this waiting a socket is closed however its connection does: memory is bounded. */
const mostWaitingBytes = 4 * maxWaitingBytes;

/** Every how many packets their bytes are counted. */
const countEvery = 32;

/** A socket has room for what can wait as long as no more than this is on its way to it. */
const roomyBytes = 64 * 1024;

/** WebSocket's «try again later»: the client reconnects and gets the rest by `sync`. */
const tryAgainLater = 1013;

/** How much the connection had taken, and since when it has taken nothing, while too much waits for it. */
interface Pressure {
	takenBytes: number;
	sinceMs: number;
}

const pressures = new WeakMap<EngineConnection, Pressure>();

/**
 * Whether the socket does not read what it is told, so that it must be closed: its memory must not grow with the traffic. Much
 * that waits is not enough, since a burst is read in a moment: its connection must have taken nothing for a while, too. engine.io
 * hands the next packets to the connection when the last ones are written; until then they are in its buffer.
 */
export function isSlow(socket: ClientSocket): boolean {
	const connection = socket.conn as unknown as EngineConnection;
	const packets = connection.writeBuffer.length;
	if (packets < countEvery || packets % countEvery !== 0) return false;
	const waitingBytes = bytesOf(connection);
	if (waitingBytes <= maxWaitingBytes && packets <= maxWaitingPackets) {
		pressures.delete(connection);
		return false;
	}
	return waitingBytes > mostWaitingBytes || isStalled(connection);
}

/** Whether nearly all that the socket was told has left, so that what can wait may go out to it. */
export function hasRoom(socket: ClientSocket): boolean {
	const connection = socket.conn as unknown as EngineConnection;
	if (connection.writeBuffer.length >= countEvery) return false;
	return onTheWay(connection) <= roomyBytes;
}

/**
 * Whether something may be done for the socket that it asks for. Not while much waits for it: answers to a socket that does not
 * read would fill the memory as well as pushes. `slow`: it must be closed.
 */
export function roomFor(socket: ClientSocket): "enough" | "none" | "slow" {
	const connection = socket.conn as unknown as EngineConnection;
	const waitingBytes = onTheWay(connection);
	if (waitingBytes <= maxWaitingBytes) return "enough";
	return waitingBytes > mostWaitingBytes || isStalled(connection) ? "slow" : "none";
}

/** Closes it with a code that says to reconnect, and drops what waits. */
export function dropSlow(socket: ClientSocket): void {
	closeSoon(socket.conn as unknown as EngineConnection, tryAgainLater, "too slow");
}

function bytesOf({ writeBuffer }: EngineConnection): number {
	return writeBuffer.reduce((bytes, { data }) => bytes + (data?.length ?? 0), 0);
}

/** Bytes that wait here, and those that were handed to the connection and that the kernel has not taken. */
function onTheWay(connection: EngineConnection): number {
	return bytesOf(connection) + (connection.transport.socket?.bufferedAmount ?? 0);
}

function isStalled(connection: EngineConnection): boolean {
	const nowMs = performance.now();
	const takenBytes = takenBy(connection);
	const pressure = pressures.get(connection);
	if (pressure?.takenBytes === takenBytes) return nowMs - pressure.sinceMs > stalledMs;
	pressures.set(connection, { takenBytes, sinceMs: nowMs });
	return false;
}

/** Bytes that the kernel has taken. 0 for long polling: a client that polls empties the buffer. */
function takenBy({ transport }: EngineConnection): number {
	const handle = transport.socket?._socket?._handle;
	return handle ? handle.bytesWritten - handle.writeQueueSize : 0;
}
