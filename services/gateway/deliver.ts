import type { Push, ServerEvents } from "./gateway.contract.ts";
import type { GatewayContext } from "./gateway-context.ts";
import { pendingAcks } from "./pending-acks.ts";
import { dropSlow, isSlow } from "./slow-consumer.ts";
import type { ClientSocket } from "./sockets.ts";

/** Sends pushes to those sockets of their recipients that are connected to this node. */
export function deliverToSockets(gateway: GatewayContext, pushes: Push[]): void {
	for (const { payload, to, joined } of pushes) {
		for (const { userId, event } of to) {
			for (const socket of gateway.sockets.of(userId)) {
				if (joined !== undefined && !socket.rooms.has(joined)) continue;
				if (event === "message_received") deliverMessage(gateway, socket, userId, payload as ServerEvents["message_received"]);
				else emit(gateway, socket, event, payload);
			}
		}
	}
}

/** Sends a message and asks for an acknowledgement, which advances the user's delivered cursor. */
export function deliverMessage(
	gateway: GatewayContext,
	socket: ClientSocket,
	userId: string,
	payload: ServerEvents["message_received"],
): void {
	const { conversationId, seq } = payload.message;
	emit(gateway, socket, "message_received", payload, () => {
		const key = `${conversationId} ${userId}`;
		if (seq > (gateway.acks.get(key)?.seq ?? 0)) gateway.acks.set(key, { conversationId, userId, seq });
	});
	forgetOldestAck(socket);
}

/** Bounds the memory that a device which never acknowledges takes. */
const maxPendingAcks = 1_000;

function forgetOldestAck(socket: ClientSocket): void {
	const pending = pendingAcks(socket);
	if (pending.size <= maxPendingAcks) return;
	for (const id of pending.keys()) {
		pending.delete(id);
		break;
	}
}

function emit(gateway: GatewayContext, socket: ClientSocket, event: string, ...args: unknown[]): void {
	if (isSlow(socket)) {
		gateway.logger.warn("A socket is closed because its client does not read:", socket.id);
		dropSlow(socket);
	} else socket.emit(event, ...args);
}
