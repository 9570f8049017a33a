import type { ClientSocket } from "./sockets.ts";

/**
 * The packets that the socket has not acknowledged yet, by socket.io's packet id, oldest first. A live map of socket.io: it
 * ignores acknowledgements of entries that were deleted.
 */
export function pendingAcks(socket: ClientSocket): Map<number, unknown> {
	return (socket as unknown as { acks: Map<number, unknown> }).acks; // `acks` is private in socket.io's type.
}
