import type { Calls, Result } from "../../lib/contracts.ts";
import type { Database } from "../../mixins/database.ts";
import { getRow } from "./get.ts";

/** Figures about a conversation. Seqs have no gaps and messages are never deleted: the last seq is the count. NOT_FOUND. */
export async function metadata(db: Database, calls: Calls, conversationId: string): Promise<Result<"conversations.metadata">> {
	const row = await getRow(db, conversationId);
	const [first] = row.last_seq > 0 ? await calls.call("messages.pick", { positions: [{ conversationId, seq: 1 }] }) : [];
	return {
		conversationId,
		messageCount: row.last_seq,
		firstMessageAt: first?.createdAt ?? null,
		lastMessageAt: row.last_message_at,
		participants: [
			{ userId: row.user1_id, lastSeenAt: null, readSeq: row.read1, deliveredSeq: row.delivered1 },
			{ userId: row.user2_id, lastSeenAt: null, readSeq: row.read2, deliveredSeq: row.delivered2 },
		],
	};
}
