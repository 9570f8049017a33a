import type { ContentShown, Notice, NoticeConversation } from "./notice.ts";
import { type Speech, speak } from "./speech.ts";
import { nameIn, oneLine } from "./written-text.ts";

/** A notice as a push or the app shows it. */
export interface Short {
	title: string;
	body: string;
}

/**
 * The short text of a notice: one line as the title, and one as the body. A grapheme can have many bytes, so a channel that bounds
 * the bytes has to cut them.
 */
export function shortOf(notice: Notice, shown: ContentShown): Short {
	const speech = speak(notice);
	const count = countOf(notice);
	if (notice.conversations.length > 1) return shortDigest(notice, shown, speech);
	if (shown === "none") return { title: speech.say("newMessages", { count }), body: speech.say("openToRead", { count }) };

	const [conversation] = notice.conversations;
	const { sender, job } = namesIn(conversation, speech);
	const title = count > 1 ? speech.say("newMessagesFrom", { count, sender, job }) : sender;
	if (shown === "sender") return { title: sender, body: speech.say("newMessagesAbout", { count, job }) };
	return { title, body: previewOf(conversation, speech) ?? speech.say("newMessagesAbout", { count, job }) };
}

function shortDigest(notice: Notice, shown: ContentShown, speech: Speech): Short {
	const { conversations } = notice;
	const count = countOf(notice);
	const title = speech.say("newMessagesIn", { count, conversations: conversations.length });
	if (shown === "none") return { title, body: speech.say("openToRead", { count }) };
	const people = conversations.slice(0, maxListed).map((conversation) => {
		const { sender, job } = namesIn(conversation, speech);
		return `${oneLine(sender, maxListedLength)} (${oneLine(job, maxListedLength)})`;
	});
	const more = conversations.length - maxListed;
	return { title, body: speech.list(more > 0 ? [...people, speech.say("andMore", { count: more })] : people) };
}

const maxListed = 3;
const maxListedLength = 20;

/** The beginning of the newest message; null if there is nothing to show of it. */
export function previewOf({ text, isImage }: NoticeConversation, speech: Speech): string | null {
	const line = oneLine(text ?? "", maxPreviewLength);
	return line || (isImage ? speech.say("photo", {}) : null);
}

const maxPreviewLength = 120;

export function namesIn({ senderName, jobTitle }: NoticeConversation, speech: Speech): { sender: string; job: string } {
	return { sender: nameIn(senderName, speech.say("somebody", {})), job: nameIn(jobTitle, speech.say("someJob", {})) };
}

export function countOf({ conversations }: Notice): number {
	return conversations.reduce((sum, { count }) => sum + count, 0);
}
