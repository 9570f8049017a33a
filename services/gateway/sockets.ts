import type { DefaultEventsMap, Namespace, Socket } from "socket.io";
import type { Semaphore } from "../../lib/semaphore.ts";
import type { RedeliveryAttempts } from "./redelivery-attempts.ts";
import type { Verified } from "./token-verifier.ts";

/** What the gateway keeps for a socket. */
export interface SocketData {
	/** Its token. Absent until the socket has authenticated. */
	verified?: Verified;
	/** Closes the socket when it does not authenticate in time, or when its token expires. */
	deadline?: NodeJS.Timeout;
	/** The status that the client has set; online if it has set none. */
	status?: "online" | "away";
	/** When somebody last did something on this device. Absent until then: a device also connects by itself. */
	activeAtMs?: number;
	/** The conversations in which this device types. */
	typing?: Set<string>;
	/** What was sent again, by conversation. */
	redeliveries?: Map<string, RedeliveryAttempts>;
	/** Bounds how many of its queries run at the same time. */
	questions?: Semaphore;
	/** The oldest push without an acknowledgement, by socket.io's packet id, and when it was first seen to be the oldest. */
	oldestPush?: { id: number; sinceMs: number };
}

type AnyEvents = DefaultEventsMap;
export type ClientSocket = Socket<AnyEvents, AnyEvents, AnyEvents, SocketData>;
export type ClientNamespace = Namespace<AnyEvents, AnyEvents, AnyEvents, SocketData>;

/** The authenticated sockets of users on this node, by user. A user has one socket for each device. */
export class Sockets {
	readonly #byUser = new Map<string, Set<ClientSocket>>();

	add(userId: string, socket: ClientSocket): void {
		const sockets = this.#byUser.get(userId);
		if (sockets) sockets.add(socket);
		else this.#byUser.set(userId, new Set([socket]));
	}

	/** Returns whether it was there. */
	remove(userId: string, socket: ClientSocket): boolean {
		const sockets = this.#byUser.get(userId);
		const removed = sockets?.delete(socket) ?? false;
		if (sockets?.size === 0) this.#byUser.delete(userId);
		return removed;
	}

	/** A copy of the user's sockets. */
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

	/** Iterates over all sockets without making a copy. */
	*each(): Generator<ClientSocket> {
		for (const sockets of this.#byUser.values()) yield* sockets;
	}
}
