import type { Conversation, Message, MessagePage, Snapshot } from "../../client/types.ts";
import type { ScriptedGateway } from "./scripted-gateway.ts";

interface Query {
	conversationId: string;
	before?: number;
	after?: number;
	limit?: number;
}

/** Makes the gateway one that has these conversations, each with messages up to the seq that `heads` says. All else is granted. */
export function serveHistory(gateway: ScriptedGateway, conversationIds: readonly string[]): { heads: Map<string, number> } {
	const heads = new Map(conversationIds.map((id) => [id, 0]));
	gateway.answer = (event, [action, params]) => {
		if (event !== "call") return [{ ok: true }];
		const query = params as Query;
		const head = heads.get(query.conversationId) ?? 0;
		return [null, action === "conversations.get" ? aConversation(query.conversationId, head) : pageOf(query, head)];
	};
	gateway.sync = () => ({
		conversations: [...heads].map(([id, head]) => snapshotOf(id, head)),
		nextSince: "cursor",
		reset: false,
	});
	return { heads };
}

function snapshotOf(conversationId: string, head: number): Snapshot {
	const { items, hasMore } = pageOf({ conversationId }, head);
	return { ...aConversation(conversationId, head), messages: items.reverse(), hasMore };
}

function pageOf({ conversationId, before = Number.POSITIVE_INFINITY, after, limit = 50 }: Query, head: number): MessagePage {
	if (after !== undefined) {
		const newest = Math.min(head, after + limit);
		return { items: messagesOf(conversationId, after + 1, newest), hasMore: newest < head };
	}
	const newest = Math.min(head, before - 1);
	const oldest = Math.max(1, newest - limit + 1);
	return { items: messagesOf(conversationId, oldest, newest).reverse(), hasMore: oldest > 1 };
}

function messagesOf(conversationId: string, first: number, last: number): Message[] {
	return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => aMessage(conversationId, first + index));
}

const time = "2026-01-01T00:00:00.000Z";

function aConversation(id: string, lastSeq: number): Conversation {
	const participants = ["alice", "bob"].map((userId) => ({ userId, name: userId, readSeq: 0, deliveredSeq: 0 }));
	return {
		id,
		participants,
		lastSeq,
		jobApplicationId: "application",
		jobTitle: "Lighthouse keeper",
		status: "ACTIVE",
		lastMessage: null,
		lastMessageAt: null,
		unreadCount: lastSeq,
		mutedUntil: null,
		archivedAt: null,
		archivedBy: null,
		createdAt: time,
		updatedAt: time,
	};
}

export function aMessage(conversationId: string, seq: number): Message {
	const content = `message ${seq} `.repeat(8);
	return {
		id: `${conversationId} ${seq}`,
		conversationId,
		seq,
		clientId: `${conversationId} ${seq}`,
		senderId: "alice",
		type: "TEXT",
		content,
		contentHtml: content,
		image: null,
		replyToSeq: null,
		metadata: {},
		createdAt: time,
		deliveredAt: null,
		readAt: null,
	};
}
