import { callsOf } from "../../lib/contracts.ts";
import type { Message } from "../messages/messages.contract.ts";
import { deliverMessage } from "./deliver.ts";
import type { Desk } from "./desk.ts";
import type { ClientSocket } from "./sockets.ts";

/** Users in one question. */
const chunkSize = 500;

/** A device that never acknowledges is not told for ever. */
const maxTimes = 3;

/**
 * Gives the users of this node what their devices should have had for a while and have not acknowledged: a push was lost, or
 * the registry did not know of them. Clients drop by seq what they have.
 */
export async function redeliver(desk: Desk): Promise<void> {
	const userIds = desk.sockets.userIds();
	for (let start = 0; start < userIds.length; start += chunkSize) {
		const { undelivered } = await callsOf(desk.broker).call("messages.undelivered", {
			userIds: userIds.slice(start, start + chunkSize),
		});
		for (const { recipientId, message } of undelivered) {
			for (const socket of desk.sockets.of(recipientId)) {
				if (isWorthTelling(socket, message)) deliverMessage(desk, socket, recipientId, { message });
			}
		}
	}
}

function isWorthTelling(socket: ClientSocket, { conversationId, seq }: Message): boolean {
	socket.data.redelivered ??= new Map();
	const told = socket.data.redelivered.get(conversationId);
	// Messages come in order: the first is the one after the delivered cursor, the others go along with it.
	if (told && seq > told.seq) return told.times <= maxTimes;
	const times = told?.seq === seq ? told.times + 1 : 1;
	socket.data.redelivered.set(conversationId, { seq, times });
	return times <= maxTimes;
}
