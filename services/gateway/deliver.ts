import type { Coalescer } from "../../lib/coalescer.ts";
import type { Push, ServerEvents } from "./gateway.contract.ts";
import type { ClientSocket, Sockets } from "./sockets.ts";

/** A device of the user has the message with this seq, and with it all before. */
export interface DeliveryAck {
	conversationId: string;
	userId: string;
	seq: number;
}

/** Hands payloads to the sockets of those named who are here. A new message is to be acknowledged by the device that gets it. */
export function deliverToSockets(sockets: Sockets, acks: Coalescer<DeliveryAck>, pushes: Push[]): void {
	for (const { payload, to } of pushes) {
		for (const { userId, event } of to) {
			for (const socket of sockets.of(userId)) {
				if (event === "message_received") deliverMessage(socket, acks, userId, payload as ServerEvents["message_received"]);
				else socket.emit(event, payload);
			}
		}
	}
}

function deliverMessage(
	socket: ClientSocket,
	acks: Coalescer<DeliveryAck>,
	userId: string,
	payload: ServerEvents["message_received"],
): void {
	const { conversationId, seq } = payload.message;
	socket.emit("message_received", payload, () => {
		const key = `${conversationId} ${userId}`;
		if (seq > (acks.get(key)?.seq ?? 0)) acks.set(key, { conversationId, userId, seq });
	});
}
