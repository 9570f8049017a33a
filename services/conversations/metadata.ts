import { LRUCache } from "lru-cache";
import type { Database } from "../../mixins/database.ts";
import type { Calls, Result } from "../contracts.ts";
import type { ConversationRow } from "./conversation-row.ts";
import { getRow } from "./get.ts";

/** What never changes about a conversation that has a message. */
interface Constants {
	userIds: string[];
	firstMessageAt: string | null;
}

/** Of how many conversations a node remembers what never changes. */
const maxRemembered = 10_000;

/**
 * Figures about conversations. Seqs have no gaps and messages are never deleted, so the last seq is the count. The participants and the
 * time of the first message never change, so this node remembers them: then the row and the presence are asked for at the same time.
 */
export class Metadata {
	readonly #db: Database;
	readonly #remembered = new LRUCache<string, Constants>({ max: maxRemembered });

	constructor(db: Database) {
		this.#db = db;
	}

	/** NOT_FOUND. */
	async of(calls: Calls, conversationId: string): Promise<Result<"conversations.metadata">> {
		const known = this.#remembered.get(conversationId);
		const lastSeen = known && lastSeenAt(calls, known.userIds);
		const row = await getRow(this.#db, conversationId);
		const userIds = [row.user1_id, row.user2_id];
		const [seenAt, constants] = await Promise.all([
			lastSeen ?? lastSeenAt(calls, userIds),
			known ?? constantsOf(calls, row, userIds),
		]);
		if (constants.firstMessageAt !== null) this.#remembered.set(conversationId, constants);
		return {
			conversationId,
			messageCount: row.last_seq,
			firstMessageAt: constants.firstMessageAt,
			lastMessageAt: row.last_message_at,
			participants: [
				{ userId: row.user1_id, lastSeenAt: seenAt(row.user1_id), readSeq: row.read1, deliveredSeq: row.delivered1 },
				{ userId: row.user2_id, lastSeenAt: seenAt(row.user2_id), readSeq: row.read2, deliveredSeq: row.delivered2 },
			],
		};
	}
}

/** Without Redis the rest of the answer is still useful. */
async function lastSeenAt(calls: Calls, userIds: string[]): Promise<(userId: string) => string | null> {
	const presences = await calls.call("presence.lookup", { userIds }).catch(() => []);
	return (userId) => presences.find((presence) => presence.userId === userId)?.lastSeenAt ?? null;
}

async function constantsOf(calls: Calls, row: ConversationRow, userIds: string[]): Promise<Constants> {
	if (row.last_seq === 0) return { userIds, firstMessageAt: null };
	const [first] = await calls.call("messages.pick", { positions: [{ conversationId: row.id, seq: 1 }] });
	return { userIds, firstMessageAt: first?.createdAt ?? null };
}
