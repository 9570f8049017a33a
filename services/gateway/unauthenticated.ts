import type { IncomingMessage } from "node:http";
import type { Server } from "socket.io";
import { requestAddress } from "./address.ts";
import { closeSoon, type EngineConnection, limitPackets } from "./engine-connection.ts";
import { maxPacketBytes } from "./packets.ts";

/** How long a connection may stay without having authenticated: as long as a socket, and a moment for its answer. */
const authenticateWithinMs = 6_000;

/**
 * Above its limit an address is let in with a token only, since many people may share it. Above so many times the limit nobody is:
 * what connections hold before they have said anything is bounded, too.
 */
const mostTimesLimit = 2;

/** How soon somebody who was refused may try again: by then the oldest connections have been closed. */
export const retryAfterSeconds = 5;

/**
 * Bounds what connections may hold that nobody has authenticated on: how many an address has, and how long they stay. Until then
 * their packets have the limit that the server has for all; also those of a WebSocket to which long polling would be upgraded. It
 * begins with the connection itself, since a peer may never ask for a namespace.
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

	/** Watches every connection from now on. */
	watch(io: Server): void {
		io.engine.on("connection", (engineSocket) => this.#begin(engineSocket as unknown as EngineConnection));
	}

	/** Whether the address of this connection had too many already when it came. */
	isCrowded(connection: object): boolean {
		return this.#crowded.has(connection as EngineConnection);
	}

	/** Somebody has authenticated on it. */
	admit(connection: object): void {
		const engineConnection = connection as EngineConnection;
		this.#waiting.get(engineConnection)?.();
		limitPackets(engineConnection.transport, maxPacketBytes);
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
		if (count > mostTimesLimit * limit) closeSoon(connection);
	}
}
