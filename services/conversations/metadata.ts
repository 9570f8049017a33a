import type { Database } from "../../mixins/database.ts";
import type { Calls, Result } from "../contracts.ts";
import { getRow } from "./get.ts";

/** Figures about a conversation. Seqs have no gaps and messages are never deleted, so the last seq is the count. NOT_FOUND. */
export async function metadata(db: Database, calls: Calls, conversationId: string): Promise<Result<"conversations.metadata">> {
	const row = await getRow(db, conversationId);
	const userIds = [row.user1_id, row.user2_id];
	const [[first], presences] = await Promise.all([
		row.last_seq > 0 ? calls.call("messages.pick", { positions: [{ conversationId, seq: 1 }] }) : [],
		// Without Redis the rest of the answer is still useful.
		calls.call("presence.lookup", { userIds }).catch(() => []),
	]);
	const lastSeenAt = (userId: string) => presences.find((presence) => presence.userId === userId)?.lastSeenAt ?? null;
	return {
		conversationId,
		messageCount: row.last_seq,
		firstMessageAt: first?.createdAt ?? null,
		lastMessageAt: row.last_message_at,
		participants: [
			{ userId: row.user1_id, lastSeenAt: lastSeenAt(row.user1_id), readSeq: row.read1, deliveredSeq: row.delivered1 },
			{ userId: row.user2_id, lastSeenAt: lastSeenAt(row.user2_id), readSeq: row.read2, deliveredSeq: row.delivered2 },
		],
	};
}
