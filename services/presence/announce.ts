import type { ServiceBroker } from "moleculer";
import { callsOf } from "../../lib/contracts.ts";
import { deliver, push } from "../../mixins/delivery.ts";
import type { Presence } from "./presence.contract.ts";
import type { Typist } from "./typing.ts";

const eventOf = { online: "user_online", away: "user_away", offline: "user_offline" } as const;

/** Tells people with whom they share a conversation. */
export async function announcePresence(broker: ServiceBroker, presences: Presence[]): Promise<void> {
	if (presences.length === 0) return;
	const partners = await callsOf(broker).call("conversations.partners", { userIds: presences.map(({ userId }) => userId) });
	await deliver(
		broker,
		presences.map(({ userId, status, lastSeenAt }) =>
			push({ userId, lastSeenAt }, ...(partners[userId] ?? []).map((id) => ({ userId: id, event: eventOf[status] }))),
		),
	);
}

/** Tells the other participant, as far as their sockets have joined the conversation. */
export async function announceTyping(broker: ServiceBroker, typists: Typist[], typing: boolean): Promise<void> {
	const pushes = await Promise.all(
		typists.map(async ({ conversationId, userId }) => {
			const { userIds } = await callsOf(broker).call("conversations.participants", { conversationId });
			const others = userIds.filter((id) => id !== userId).map((id) => ({ userId: id, event: "user_typing" as const }));
			return { ...push({ conversationId, userId, typing }, ...others), joined: conversationId };
		}),
	);
	await deliver(broker, pushes);
}
