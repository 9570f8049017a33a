import type { IncomingMessage } from "node:http";
import type { Server } from "socket.io";
import { requestAddress } from "./address.ts";
import { closeSoon, type EngineConnection, limitPackets, onEngineConnection } from "./engine-connection.ts";
import { maxPacketBytes } from "./packets.ts";

/** How long a connection may stay unauthenticated: as long as a socket (session.ts), and one more second for its error event. */
const authenticateWithinMs = 6_000;

/**
 * Above its limit an address may connect with a token only, since many people may share it. Above this many times the limit all its
 * new connections are closed, which bounds the memory of connections that have sent nothing.
 */
const closeFactor = 2;

/** When a refused client may try again. By then the oldest unauthenticated connections have been closed. */
export const retryAfterSeconds = 5;

/**
 * Limits unauthenticated connections: how many an address may have, and how long they may stay. Their packets have the server's low
 * size limit; `admit` raises it, also for the WebSocket that long polling is upgraded to later. Counting begins with the
 * connection and not with a namespace, since a peer may never ask for a namespace.
 */
export class Unauthenticated {
	readonly #maxPerAddress: number | "off";
	readonly #trustProxy: number;
	readonly #byAddress = new Map<string, number>();
	readonly #waiting = new WeakMap<EngineConnection, () => void>();
	readonly #crowded = new WeakSet<EngineConnection>();

	constructor({ maxPerAddress, trustProxy }: { maxPerAddress: number | "off"; trustProxy: number }) {
		this.#maxPerAddress = maxPerAddress;
		this.#trustProxy = trustProxy;
	}

	/** Limits all connections that are opened from now on. */
	watch(io: Server): void {
		onEngineConnection(io, (connection) => this.#begin(connection));
	}

	/** Whether its address was above the limit when this connection was opened. */
	isCrowded(connection: EngineConnection): boolean {
		return this.#crowded.has(connection);
	}

	/** To be called when a socket of the connection has authenticated. */
	admit(connection: EngineConnection): void {
		this.#waiting.get(connection)?.();
		limitPackets(connection.transport, maxPacketBytes);
	}

	#begin(connection: EngineConnection): void {
		const address = requestAddress(connection.request as IncomingMessage, this.#trustProxy);
		const count = (this.#byAddress.get(address) ?? 0) + 1;
		this.#byAddress.set(address, count);
		const limit = this.#maxPerAddress === "off" ? Number.POSITIVE_INFINITY : this.#maxPerAddress;
		if (count > limit) this.#crowded.add(connection);
		const deadline = setTimeout(() => closeSoon(connection), authenticateWithinMs);
		const end = () => {
			if (!this.#waiting.delete(connection)) return;
			clearTimeout(deadline);
			const left = (this.#byAddress.get(address) ?? 1) - 1;
			if (left > 0) this.#byAddress.set(address, left);
			else this.#byAddress.delete(address);
		};
		this.#waiting.set(connection, end);
		connection.once("close", end);
		connection.once("upgrade", (transport) => {
			if (!this.#waiting.has(connection)) limitPackets(transport, maxPacketBytes);
		});
		if (count > closeFactor * limit) closeSoon(connection);
	}
}
