import type { ServiceBroker } from "moleculer";
import { Batcher } from "../../lib/batcher.ts";
import { callsOf } from "../../lib/contracts.ts";
import { ParleyError } from "../../lib/errors.ts";
import type { Database } from "../../mixins/database.ts";
import { deliver, push } from "../../mixins/delivery.ts";
import { append, type Draft, type Sent } from "./append.ts";
import type { ToMessages } from "./message-row.ts";

/** Where sends wait for their commit. After it, and only then, the others hear of them. */
export function createMailbox(broker: ServiceBroker, db: Database, toMessages: ToMessages): Batcher<Draft, Sent> {
	return new Batcher<Draft, Sent>(
		async (drafts) => {
			const answers = await appendAll(db, toMessages, drafts);
			announce(broker, answers);
			return answers;
		},
		{ maxBatch: 500, maxParked: 20_000 },
	);
}

/** Appends a batch. Should PostgreSQL refuse one of its messages for itself, the others do not suffer for it. */
async function appendAll(db: Database, toMessages: ToMessages, drafts: Draft[]): Promise<(Sent | Error)[]> {
	try {
		return await append(db, toMessages, drafts);
	} catch (error) {
		const isBadValue = String((error as { code?: unknown }).code).startsWith("22");
		if (!isBadValue || drafts.length === 1) throw error;
		const answers: (Sent | Error)[] = [];
		for (const draft of drafts) {
			const refused = (cause: unknown) => [new ParleyError("INTERNAL", { cause })];
			answers.push(...(await appendAll(db, toMessages, [draft]).catch(refused)));
		}
		return answers;
	}
}

function announce(broker: ServiceBroker, answers: (Sent | Error)[]): void {
	const created = answers.filter((answer): answer is Sent => !(answer instanceof Error) && answer.created);
	if (created.length === 0) return;
	void deliver(
		broker,
		created.map(({ message, recipientId }) =>
			push({ message }, { userId: message.senderId, event: "message_sent" }, { userId: recipientId, event: "message_received" }),
		),
	);
	const calls = callsOf(broker);
	void calls.emit("message.created", {
		created: created.map(({ message: { conversationId, seq, senderId }, recipientId }) => ({
			conversationId,
			seq,
			senderId,
			recipientId,
		})),
	});
	for (const { message } of created.filter(({ reopened }) => reopened)) {
		void calls.emit("conversation.reopened", { conversationId: message.conversationId });
	}
}
