import type { Push, ServerEvents } from "./gateway.contract.ts";
import type { GatewayContext } from "./gateway-context.ts";
import { dropSlow, isSlow } from "./slow-consumer.ts";
import type { ClientSocket } from "./sockets.ts";

/** Hands payloads to the sockets of those named who are here. */
export function deliverToSockets(gateway: GatewayContext, pushes: Push[]): void {
	for (const { payload, to, joined } of pushes) {
		for (const { userId, event } of to) {
			for (const socket of gateway.sockets.of(userId)) {
				if (joined !== undefined && !socket.rooms.has(joined)) continue;
				if (event === "message_received") deliverMessage(gateway, socket, userId, payload as ServerEvents["message_received"]);
				else tell(gateway, socket, event, payload);
			}
		}
	}
}

/** A message is to be acknowledged by the device that gets it. */
export function deliverMessage(
	gateway: GatewayContext,
	socket: ClientSocket,
	userId: string,
	payload: ServerEvents["message_received"],
): void {
	const { conversationId, seq } = payload.message;
	tell(gateway, socket, "message_received", payload, () => {
		const key = `${conversationId} ${userId}`;
		if (seq > (gateway.acks.get(key)?.seq ?? 0)) gateway.acks.set(key, { conversationId, userId, seq });
	});
	forgetOldest(socket);
}

/** A device that never acknowledges must not make its socket remember every message. */
const maxUnacknowledged = 1_000;

/** socket.io keeps what is to be called in the order of asking, and ignores acknowledgements that it no longer tracks. */
function forgetOldest(socket: ClientSocket): void {
	const { acks } = socket as unknown as { acks: Map<number, unknown> };
	if (acks.size <= maxUnacknowledged) return;
	for (const id of acks.keys()) {
		acks.delete(id);
		break;
	}
}

function tell(gateway: GatewayContext, socket: ClientSocket, event: string, ...args: unknown[]): void {
	if (isSlow(socket)) {
		gateway.logger.warn("A socket does not read what it is told and is closed:", socket.id);
		dropSlow(socket);
	} else socket.emit(event, ...args);
}
