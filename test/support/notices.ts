import { randomUUID } from "node:crypto";
import type { MailOptions } from "../../services/notifier/templates/mail.ts";
import type { Notice, NoticeConversation } from "../../services/notifier/templates/notice.ts";

/** One conversation of a notice, with what a test does not say. */
export function conversation(given: Partial<NoticeConversation> = {}): NoticeConversation {
	return {
		conversationId: randomUUID(),
		seq: 7,
		senderName: "Ann Adams",
		jobTitle: "Data Engineer",
		count: 1,
		text: "Shall we talk on Tuesday?",
		isImage: false,
		at: "2026-11-24T13:05:00.000Z",
		...given,
	};
}

/** A notice of one conversation, or of those given. */
export function notice(given: Partial<Notice> = {}): Notice {
	return {
		id: randomUUID(),
		userId: "bob",
		locale: null,
		timezone: "Europe/Vienna",
		isDigest: false,
		conversations: [conversation()],
		...given,
	};
}

export const mailOptions: MailOptions = {
	shown: "full",
	appUrl: "https://jobs.example.org",
	unsubscribeUrl: "https://jobs.example.org/notifications/unsubscribe?token=v1.Ym9i.c2lnbmF0dXJl",
	to: "bob@example.org",
	from: "Parley <no-reply@mail.example.org>",
};
