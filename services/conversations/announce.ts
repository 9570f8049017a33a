import type { ServiceBroker } from "moleculer";
import { chunksOf, idsPerCall } from "../../lib/chunks.ts";
import type { Database } from "../../mixins/database.ts";
import { callsOf } from "../contracts.ts";
import { deliver, maybeConnected, push } from "../push.ts";
import type { ConversationRow } from "./conversation-row.ts";
import { getRow } from "./get.ts";
import { unreadCounts } from "./unread.ts";
import { type Sight, views } from "./view.ts";

/** Shows both participants the conversation as it is now. */
export async function announceConversation(broker: ServiceBroker, db: Database, conversationId: string): Promise<void> {
	await show(broker, sightsOf(await getRow(db, conversationId)));
}

/** Shows conversations to those of their participants who are there to see it. */
export async function announceConversations(broker: ServiceBroker, rows: ConversationRow[]): Promise<void> {
	const sights = rows.flatMap(sightsOf);
	const connected = await maybeConnected(broker, [...new Set(sights.map(({ viewerId }) => viewerId))]);
	let rest = sights.filter(({ viewerId }) => connected.has(viewerId));
	while (rest.length > 0) rest = rest.slice(await show(broker, rest));
}

function sightsOf(row: ConversationRow): Sight[] {
	return [row.user1_id, row.user2_id].map((viewerId) => ({ row, viewerId }));
}

/** How many of the first were shown. */
async function show(broker: ServiceBroker, sights: Sight[]): Promise<number> {
	const seen = await views(callsOf(broker), sights);
	await deliver(
		broker,
		seen.map((conversation, i) =>
			push({ conversation }, { userId: (sights[i] as Sight).viewerId, event: "conversation_updated" }),
		),
	);
	return seen.length;
}

/** Tells users their unread counts as they are now. Nothing is counted for those who have no socket: `sync` tells them. */
export async function announceUnread(
	broker: ServiceBroker,
	db: Database,
	pairs: { userId: string; conversationId: string }[],
): Promise<void> {
	const connected = await maybeConnected(broker, [...new Set(pairs.map(({ userId }) => userId))]);
	const wanted = pairs.filter(({ userId }) => connected.has(userId));
	for (const chunk of chunksOf(wanted, idsPerCall)) {
		const counts = await unreadCounts(db, chunk);
		await deliver(
			broker,
			counts.map(({ userId, ...count }) => push(count, { userId, event: "unread_count" })),
		);
	}
}
