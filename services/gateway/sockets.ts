import type { DefaultEventsMap, Namespace, Socket } from "socket.io";
import type { Semaphore } from "../../lib/semaphore.ts";
import type { Offer } from "./offers.ts";
import type { Verified } from "./token-verifier.ts";

/** What a socket knows about itself. */
export interface SocketData {
	/** Whose token it is. Absent until the socket has authenticated. */
	verified?: Verified;
	/** Closes the socket: when it does not authenticate in time, or when its token expires. */
	deadline?: NodeJS.Timeout;
	/** As the client set it; online where it did not. */
	status?: "online" | "away";
	/** The conversations in which this device types. */
	typing?: Set<string>;
	/** What it was given again, by conversation. */
	offers?: Map<string, Offer>;
	/** Its questions take turns. */
	questions?: Semaphore;
	/** The push that has waited longest for its acknowledgement, by socket.io's id, and since when it is known to be that. */
	oldestPush?: { id: number; sinceMs: number };
}

type AnyEvents = DefaultEventsMap;
export type ClientSocket = Socket<AnyEvents, AnyEvents, AnyEvents, SocketData>;
export type ClientNamespace = Namespace<AnyEvents, AnyEvents, AnyEvents, SocketData>;

/** The sockets of this node, by user: each of a user's devices has one. */
export class Sockets {
	readonly #byUser = new Map<string, Set<ClientSocket>>();

	add(userId: string, socket: ClientSocket): void {
		const sockets = this.#byUser.get(userId);
		if (sockets) sockets.add(socket);
		else this.#byUser.set(userId, new Set([socket]));
	}

	/** False when it was not there. */
	remove(userId: string, socket: ClientSocket): boolean {
		const sockets = this.#byUser.get(userId);
		const removed = sockets?.delete(socket) ?? false;
		if (sockets?.size === 0) this.#byUser.delete(userId);
		return removed;
	}

	/** The user's sockets as they are now. */
	of(userId: string): ClientSocket[] {
		const sockets = this.#byUser.get(userId);
		return sockets ? [...sockets] : [];
	}

	userIds(): string[] {
		return [...this.#byUser.keys()];
	}

	all(): ClientSocket[] {
		return [...this.each()];
	}

	/** Every socket, without a copy: for looks at all of them. */
	*each(): Generator<ClientSocket> {
		for (const sockets of this.#byUser.values()) yield* sockets;
	}
}
