import type { ServiceBroker } from "moleculer";
import { chunksOf, idsPerCall } from "../../lib/chunks.ts";
import type { Database } from "../../mixins/database.ts";
import { callsOf } from "../contracts.ts";
import { deliver, maybeConnected, push } from "../push.ts";
import type { ConversationRow } from "./conversation-row.ts";
import { getRow } from "./get.ts";
import { type RowForViewer, toConversations } from "./to-conversations.ts";
import { unreadCounts } from "./unread.ts";
import type { UnreadTotals } from "./unread-totals.ts";

/** Pushes the conversation as it is now to both participants. */
export async function announceConversation(broker: ServiceBroker, db: Database, conversationId: string): Promise<void> {
	await pushConversations(broker, forBothParticipants(await getRow(db, conversationId)));
}

/** Pushes conversations to those of their participants who are connected. */
export async function announceConversations(broker: ServiceBroker, rows: ConversationRow[]): Promise<void> {
	const wanted = rows.flatMap(forBothParticipants);
	const connected = await maybeConnected(broker, [...new Set(wanted.map(({ viewerId }) => viewerId))]);
	let rest = wanted.filter(({ viewerId }) => connected.has(viewerId));
	while (rest.length > 0) rest = rest.slice(await pushConversations(broker, rest));
}

function forBothParticipants(row: ConversationRow): RowForViewer[] {
	return [row.user1_id, row.user2_id].map((viewerId) => ({ row, viewerId }));
}

/** Pushes as many of the first as fit into one answer, and gives their number. */
async function pushConversations(broker: ServiceBroker, wanted: RowForViewer[]): Promise<number> {
	const conversations = await toConversations(callsOf(broker), wanted);
	await deliver(
		broker,
		conversations.map((conversation, i) =>
			push({ conversation }, { userId: (wanted[i] as RowForViewer).viewerId, event: "conversation_updated" }),
		),
	);
	return conversations.length;
}

/** Pushes the current unread counts to those of the users who are connected. The others get theirs from `sync`. */
export async function announceUnread(
	broker: ServiceBroker,
	db: Database,
	totals: UnreadTotals,
	pairs: { userId: string; conversationId: string }[],
): Promise<void> {
	const connected = await maybeConnected(broker, [...new Set(pairs.map(({ userId }) => userId))]);
	const wanted = pairs.filter(({ userId }) => connected.has(userId));
	for (const chunk of chunksOf(wanted, idsPerCall)) {
		const counts = await unreadCounts(db, totals, chunk);
		await deliver(
			broker,
			counts.map(({ userId, ...count }) => push(count, { userId, event: "unread_count" })),
		);
	}
}
