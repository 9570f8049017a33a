import type { ServiceBroker } from "moleculer";
import { callsOf } from "../contracts.ts";
import { deliver, push } from "../push.ts";
import type { Sent } from "./append.ts";
import type { Delivery } from "./mark-delivered.ts";
import type { Reading } from "./mark-read.ts";

/*
 * How sockets and other services learn of changed messages, always after the commit. An announcement may be lost: clients and
 * services catch up from the database.
 */

/**
 * Announces new messages. A message that was stored before is announced again as long as the recipient does not have it: the
 * first announcement may have been lost after the commit. Clients drop a seq that they have.
 */
export function announceSent(broker: ServiceBroker, sent: Sent[]): void {
	// A batch may contain the same message twice.
	const unseen = new Map(sent.filter(mayBeUnseen).map((one) => [one.message.id, one]));
	if (unseen.size === 0) return;
	void deliver(
		broker,
		[...unseen.values()].map(({ message, recipientId }) =>
			push({ message }, { userId: message.senderId, event: "message_sent" }, { userId: recipientId, event: "message_received" }),
		),
	);
	const calls = callsOf(broker);
	void calls.emit("message.created", {
		created: [...unseen.values()].map(({ message: { conversationId, seq, senderId }, recipientId }) => ({
			conversationId,
			seq,
			senderId,
			recipientId,
		})),
	});
	for (const { message } of sent.filter(({ reopened }) => reopened)) {
		void calls.emit("conversation.reopened", { conversationId: message.conversationId });
	}
}

function mayBeUnseen({ created, message }: Sent): boolean {
	return created || message.deliveredAt === null;
}

/** Tells the other participant of each delivery. */
export async function announceDeliveries(broker: ServiceBroker, deliveries: Delivery[]): Promise<void> {
	await deliver(
		broker,
		deliveries.map(({ otherId, ...delivery }) => push(delivery, { userId: otherId, event: "message_delivered" })),
	);
}

/** Tells both participants that `userId` has read, and the other one that the messages were delivered if that is new. */
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
