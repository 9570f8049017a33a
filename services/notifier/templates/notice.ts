import type { Level } from "../../conversations/conversations.contract.ts";
import type { Message } from "../../messages/messages.contract.ts";

/** One conversation of a notice. */
export interface NoticeConversation {
	conversationId: string;
	/** The newest unread message by the other person. */
	seq: number;
	senderName: string;
	jobTitle: string;
	/** Unread messages by the other person. */
	count: number;
	/** The newest message's text as it was written; null for an image without a caption, and for erased content. */
	text: string | null;
	isImage: boolean;
	/** When the newest message was sent; ISO 8601. */
	at: string;
}

/** What a person is told: of messages in one conversation, or, in a digest, in several. */
export interface Notice {
	/** The notification's id. */
	id: string;
	userId: string;
	/** BCP 47, as the platform says; null: English. */
	locale: string | null;
	/** IANA; null: UTC. */
	timezone: string | null;
	isDigest: boolean;
	/** At least one. The one with the newest message first. */
	conversations: [NoticeConversation, ...NoticeConversation[]];
}

/** How much of a message a notice may show (`NOTIFY_CONTENT`). */
export type ContentShown = "full" | "sender" | "none";

/** What was found out about a conversation. A name, a title or a message that is not known is undefined. */
interface Found {
	senderName: string | undefined;
	jobTitle: string | undefined;
	/** The newest message. */
	message: Message | undefined;
	shown: ContentShown;
}

/** A conversation as a notice shows it. `at` is its time if the message is not known. */
export function toNoticeConversation(
	{ level, seq, at }: { level: Level; seq: number; at: string },
	{ senderName = "", jobTitle = "", message, shown }: Found,
): NoticeConversation {
	return {
		...{ conversationId: level.conversationId, seq, senderName, jobTitle },
		...{ count: level.unreadCount, at: message?.createdAt ?? at },
		...{ text: shown === "full" ? (message?.content ?? null) : null, isImage: message?.type === "IMAGE" },
	};
}
