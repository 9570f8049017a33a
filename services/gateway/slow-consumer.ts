import { closeSoon, type EngineConnection, engineConnectionOf } from "./engine-connection.ts";
import type { ClientSocket } from "./sockets.ts";

/** A socket with more than this waiting is slow if its connection takes nothing. A page of history over a bad line is less. */
const maxWaitingBytes = 1024 * 1024;
const maxWaitingPackets = 1_000;

/** How long the connection may take nothing. A bad line takes a little all the time. */
const stalledMs = 5_000;

/** A socket with more than this waiting is closed in any case, to bound memory. */
const hardLimitBytes = 4 * maxWaitingBytes;

/** The waiting bytes are counted once in this many packets. */
const countEvery = 32;

/** A socket has room for a redelivery as long as no more than this is under way to it. */
const roomyBytes = 64 * 1024;

/** The WebSocket close code «try again later». The client reconnects and gets the rest by `sync`. */
const tryAgainLater = 1013;

/** Of a connection for which too much waits: how many bytes it had taken, and since when it has taken nothing more. */
interface Pressure {
	takenBytes: number;
	sinceMs: number;
}

const pressures = new WeakMap<EngineConnection, Pressure>();

/**
 * Whether the client does not read what it is sent, so that the socket must be closed to bound memory. A long queue alone does not
 * mean that, since a burst is read in a moment: the connection must also have taken nothing for a while. engine.io hands packets
 * to the connection when the packets before were written; until then they are in `writeBuffer`.
 */
export function isSlow(socket: ClientSocket): boolean {
	const connection = engineConnectionOf(socket);
	const packets = connection.writeBuffer.length;
	if (packets < countEvery || packets % countEvery !== 0) return false;
	const waitingBytes = bytesOf(connection);
	if (waitingBytes <= maxWaitingBytes && packets <= maxWaitingPackets) {
		pressures.delete(connection);
		return false;
	}
	return waitingBytes > hardLimitBytes || isStalled(connection);
}

/** Whether nearly everything that was sent to the socket has left, so that a redelivery may be sent. */
export function hasRoom(socket: ClientSocket): boolean {
	const connection = engineConnectionOf(socket);
	if (connection.writeBuffer.length >= countEvery) return false;
	return bytesUnderWay(connection) <= roomyBytes;
}

/**
 * Whether a request of the socket may be answered. `none`: not now, since too much waits for it; answers to a client that does not
 * read would fill the memory just as pushes would. `slow`: the socket must be closed.
 */
export function roomFor(socket: ClientSocket): "enough" | "none" | "slow" {
	const connection = engineConnectionOf(socket);
	const waitingBytes = bytesUnderWay(connection);
	if (waitingBytes <= maxWaitingBytes) return "enough";
	return waitingBytes > hardLimitBytes || isStalled(connection) ? "slow" : "none";
}

/** Closes the socket with a code that tells the client to reconnect, and drops the packets that wait. */
export function dropSlow(socket: ClientSocket): void {
	closeSoon(engineConnectionOf(socket), tryAgainLater, "too slow");
}

function bytesOf({ writeBuffer }: EngineConnection): number {
	return writeBuffer.reduce((bytes, { data }) => bytes + (data?.length ?? 0), 0);
}

/** Bytes in `writeBuffer`, and bytes that were handed to the connection and not yet taken by the kernel. */
function bytesUnderWay(connection: EngineConnection): number {
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

/** Bytes that the kernel has taken. 0 for long polling, since each poll empties `writeBuffer`. */
function takenBy({ transport }: EngineConnection): number {
	const handle = transport.socket?._socket?._handle;
	return handle ? handle.bytesWritten - handle.writeQueueSize : 0;
}
