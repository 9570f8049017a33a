import type { Rate } from "../../lib/rate.ts";
import { rateLimited } from "../../lib/rate.ts";
import type { ClientSocket } from "./sockets.ts";

/**
 * Limits how often each socket asks for something. The windows are common to all sockets of the node, and with each everything that was counted
 * is forgotten: a socket that asks nothing costs nothing.
 */
export class SocketLimit {
	readonly #rate: Rate | "off";
	#endsAtMs = 0;
	#asked = new WeakMap<ClientSocket, number>();

	constructor(rate: Rate | "off") {
		this.#rate = rate;
	}

	/** Counts one more. RATE_LIMITED when it is one too many. */
	take(socket: ClientSocket): void {
		if (this.#rate === "off") return;
		const nowMs = performance.now();
		if (nowMs >= this.#endsAtMs) {
			this.#endsAtMs = nowMs + this.#rate.windowSeconds * 1000;
			this.#asked = new WeakMap();
		}
		const asked = (this.#asked.get(socket) ?? 0) + 1;
		if (asked > this.#rate.points) throw rateLimited({ resetSeconds: Math.ceil((this.#endsAtMs - nowMs) / 1000) });
		this.#asked.set(socket, asked);
	}
}
