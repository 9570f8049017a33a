import type { DefaultEventsMap, Namespace, Socket } from "socket.io";
import type { Verified } from "./token-verifier.ts";

/** What a socket knows about itself. */
export interface SocketData {
	/** Whose token it is. Absent until the socket has authenticated. */
	verified?: Verified;
	/** Closes the socket: when it does not authenticate in time, or when its token expires. */
	deadline?: NodeJS.Timeout;
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

	remove(userId: string, socket: ClientSocket): void {
		const sockets = this.#byUser.get(userId);
		sockets?.delete(socket);
		if (sockets?.size === 0) this.#byUser.delete(userId);
	}

	of(userId: string): Iterable<ClientSocket> {
		return this.#byUser.get(userId) ?? [];
	}

	userIds(): string[] {
		return [...this.#byUser.keys()];
	}
}
