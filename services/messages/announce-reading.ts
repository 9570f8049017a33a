import type { ServiceBroker } from "moleculer";
import { callsOf } from "../contracts.ts";
import { deliver, push } from "../push.ts";
import type { Reading } from "./mark-read.ts";

/** Tells both participants that one of them has read, and the other that it arrived if that was not known. */
export async function announceReading(
	broker: ServiceBroker,
	conversationId: string,
	userId: string,
	reading: Reading,
): Promise<void> {
	const { readSeq: seq, otherId, readAt, deliveredAt } = reading;
	const receipt = { conversationId, userId, seq };
	const pushes = [];
	if (deliveredAt) pushes.push(push({ ...receipt, at: deliveredAt }, { userId: otherId, event: "message_delivered" }));
	if (readAt) {
		pushes.push(push({ ...receipt, at: readAt }, { userId: otherId, event: "message_read" }, { userId, event: "message_read" }));
		await callsOf(broker).emit("conversation.read", { conversationId, userId, seq });
	}
	await deliver(broker, pushes);
}
