import type { Rate } from "../../lib/rate.ts";
import { rateLimited } from "../../lib/rate.ts";
import type { ClientSocket } from "./sockets.ts";

/**
 * Limits the requests of each socket. All sockets of the node have the same time windows. A new window begins with an empty map, so
 * a socket that sends nothing takes no memory.
 */
export class SocketLimit {
	readonly #rate: Rate | "off";
	#endsAtMs = 0;
	#counts = new WeakMap<ClientSocket, number>();

	constructor(rate: Rate | "off") {
		this.#rate = rate;
	}

	/** Counts one request. RATE_LIMITED above the limit. */
	take(socket: ClientSocket): void {
		if (this.#rate === "off") return;
		const nowMs = performance.now();
		if (nowMs >= this.#endsAtMs) {
			this.#endsAtMs = nowMs + this.#rate.windowSeconds * 1000;
			this.#counts = new WeakMap();
		}
		const count = (this.#counts.get(socket) ?? 0) + 1;
		if (count > this.#rate.points) throw rateLimited({ resetSeconds: Math.ceil((this.#endsAtMs - nowMs) / 1000) });
		this.#counts.set(socket, count);
	}
}
