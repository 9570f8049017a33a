import type { ServiceBroker } from "moleculer";
import { chunksOf } from "../../lib/chunks.ts";
import { callsOf } from "../contracts.ts";
import type { Push } from "../gateway/gateway.contract.ts";
import { deliver, push } from "../push.ts";
import type { Presence } from "./presence.contract.ts";
import type { Typist } from "./typing.ts";

const eventOf = { online: "user_online", away: "user_away", offline: "user_offline" } as const;

/** Recipients in one group of pushes. */
const maxRecipients = 1_000;

/** Conversations whose participants are looked up at the same time. */
const maxConversations = 50;

/** Announces each presence to the people who share a conversation with that user. */
export async function announcePresence(broker: ServiceBroker, presences: Presence[]): Promise<void> {
	let waiting = presences;
	while (waiting.length > 0) {
		const userIds = waiting.map(({ userId }) => userId);
		const { partners, rest } = await callsOf(broker).call("conversations.partners", { userIds });
		const pushes = waiting.flatMap((presence) =>
			chunksOf(partners[presence.userId] ?? [], maxRecipients).map((ids) => pushOf(presence, ids)),
		);
		for (const group of groups(pushes)) await deliver(broker, group);
		const isLeft = new Set(rest);
		waiting = waiting.filter(({ userId }) => isLeft.has(userId));
	}
}

/** Announces the presence of each of these users to the others, unless it is offline. */
export async function announceToEachOther(broker: ServiceBroker, presences: Presence[]): Promise<void> {
	const others = (userId: string) => presences.map((presence) => presence.userId).filter((id) => id !== userId);
	const present = presences.filter(({ status }) => status !== "offline");
	await deliver(
		broker,
		present.map((presence) => pushOf(presence, others(presence.userId))),
	);
}

/** Tells the other participants, on those of their sockets that have joined the conversation, who types or has stopped. */
export async function announceTyping(broker: ServiceBroker, typists: Typist[], typing: boolean): Promise<void> {
	for (const some of chunksOf(typists, maxConversations)) {
		const pushes = await Promise.all(
			some.map(async ({ conversationId, userId }) => {
				const { userIds } = await callsOf(broker).call("conversations.participants", { conversationId });
				const others = userIds.filter((id) => id !== userId).map((id) => ({ userId: id, event: "user_typing" as const }));
				return { ...push({ conversationId, userId, typing }, ...others), joined: conversationId };
			}),
		);
		await deliver(broker, pushes);
	}
}

function pushOf({ userId, status, lastSeenAt }: Presence, recipientIds: string[]): Push {
	return push({ userId, lastSeenAt }, ...recipientIds.map((id) => ({ userId: id, event: eventOf[status] })));
}

/** Groups of pushes with about `maxRecipients` recipients each. */
function* groups(pushes: Push[]): Generator<Push[]> {
	let group: Push[] = [];
	let recipients = 0;
	for (const one of pushes) {
		if (recipients > 0 && recipients + one.to.length > maxRecipients) {
			yield group;
			[group, recipients] = [[], 0];
		}
		group.push(one);
		recipients += one.to.length;
	}
	yield group;
}
