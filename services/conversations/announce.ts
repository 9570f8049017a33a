import type { ServiceBroker } from "moleculer";
import { callsOf } from "../../lib/contracts.ts";
import type { Database } from "../../mixins/database.ts";
import { deliver, push } from "../../mixins/delivery.ts";
import { getRow } from "./get.ts";
import { unreadCounts } from "./unread.ts";
import { views } from "./view.ts";

/** Shows both participants the conversation as it is now. */
export async function announceConversation(broker: ServiceBroker, db: Database, conversationId: string): Promise<void> {
	const row = await getRow(db, conversationId);
	const viewers = [row.user1_id, row.user2_id];
	const seen = await views(
		callsOf(broker),
		viewers.map((viewerId) => ({ row, viewerId })),
	);
	await deliver(
		broker,
		seen.map((conversation, i) => push({ conversation }, { userId: viewers[i] as string, event: "conversation_updated" })),
	);
}

/** Tells users their unread counts as they are now. */
export async function announceUnread(
	broker: ServiceBroker,
	db: Database,
	pairs: { userId: string; conversationId: string }[],
): Promise<void> {
	const counts = await unreadCounts(db, pairs);
	await deliver(
		broker,
		counts.map(({ userId, ...count }) => push(count, { userId, event: "unread_count" })),
	);
}
