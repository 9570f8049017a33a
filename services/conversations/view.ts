import { fitting, pageBytes } from "../../lib/byte-budget.ts";
import type { Calls } from "../contracts.ts";
import type { ConversationRow } from "./conversation-row.ts";
import type { Conversation } from "./conversations.contract.ts";

/** A conversation, and whose view of it is wanted. */
export interface Sight {
	row: ConversationRow;
	viewerId: string;
}

/**
 * Conversations as each row's viewer sees them, with what other services know: names, job titles, last messages. As many of
 * the first as fit into `maxBytes` of JSON, one at least.
 */
export async function views(calls: Calls, sights: Sight[], maxBytes = pageBytes): Promise<Conversation[]> {
	if (sights.length === 0) return [];
	const rows = [...new Set(sights.map(({ row }) => row))];
	const [names, titles, lastMessages] = await Promise.all([
		calls.call("users.names", { ids: unique(rows.flatMap((row) => [row.user1_id, row.user2_id])) }),
		calls.call("applications.titles", { ids: unique(rows.map((row) => row.job_application_id)) }),
		calls.call("messages.pick", {
			positions: rows.filter((row) => row.last_seq > 0).map((row) => ({ conversationId: row.id, seq: row.last_seq })),
			maxBytes,
		}),
	]);
	const lastMessageOf = new Map(lastMessages.map((message) => [message.conversationId, message]));

	// Messages are never deleted: what is not here was too much.
	const cut = sights.findIndex(({ row }) => row.last_seq > 0 && !lastMessageOf.has(row.id));
	const conversations = sights.slice(0, cut < 0 ? sights.length : Math.max(cut, 1)).map(({ row, viewerId }) => ({
		id: row.id,
		jobApplicationId: row.job_application_id,
		jobTitle: titles[row.job_application_id] ?? "",
		participants: [
			{ userId: row.user1_id, name: names[row.user1_id] ?? "", readSeq: row.read1, deliveredSeq: row.delivered1 },
			{ userId: row.user2_id, name: names[row.user2_id] ?? "", readSeq: row.read2, deliveredSeq: row.delivered2 },
		],
		status: row.status,
		lastSeq: row.last_seq,
		lastMessage: lastMessageOf.get(row.id) ?? null,
		lastMessageAt: row.last_message_at,
		unreadCount: viewerId === row.user1_id ? row.unread1 : row.unread2,
		mutedUntil: viewerId === row.user1_id ? row.muted1 : row.muted2,
		archivedAt: row.archived_at,
		archivedBy: row.archived_by,
		createdAt: row.created_at,
		updatedAt: row.updated_at,
	}));
	return conversations.slice(0, fitting(conversations, maxBytes));
}

const unique = (ids: string[]) => [...new Set(ids)];
