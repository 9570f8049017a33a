import { fitting, pageBytes } from "../../lib/byte-budget.ts";
import type { Calls } from "../contracts.ts";
import type { ConversationRow } from "./conversation-row.ts";
import type { Conversation } from "./conversations.contract.ts";

/** A conversation's row, and the participant for whom it is shown. */
export interface RowForViewer {
	row: ConversationRow;
	viewerId: string;
}

/**
 * Conversations as each viewer sees them, with names, job titles and last messages from other services. As many of the first as fit
 * into `maxBytes` of JSON, at least one.
 */
export async function toConversations(calls: Calls, wanted: RowForViewer[], maxBytes = pageBytes): Promise<Conversation[]> {
	if (wanted.length === 0) return [];
	const rows = [...new Set(wanted.map(({ row }) => row))];
	const [names, titles, lastMessages] = await Promise.all([
		calls.call("users.names", { ids: unique(rows.flatMap((row) => [row.user1_id, row.user2_id])) }),
		calls.call("applications.titles", { ids: unique(rows.map((row) => row.job_application_id)) }),
		calls.call("messages.pick", {
			positions: rows.filter((row) => row.last_seq > 0).map((row) => ({ conversationId: row.id, seq: row.last_seq })),
			maxBytes,
		}),
	]);
	const lastMessageOf = new Map(lastMessages.map((message) => [message.conversationId, message]));

	// Messages are never deleted. So a missing last message did not fit, and the answer ends before its conversation.
	const cut = wanted.findIndex(({ row }) => row.last_seq > 0 && !lastMessageOf.has(row.id));
	const conversations = wanted.slice(0, cut < 0 ? wanted.length : Math.max(cut, 1)).map(({ row, viewerId }) => ({
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
