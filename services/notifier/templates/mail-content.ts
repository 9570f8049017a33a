import type { ContentShown, Notice, NoticeConversation } from "./notice.ts";
import { countOf, namesIn, previewOf } from "./short.ts";
import type { Speech } from "./speech.ts";
import { inLines } from "./written-text.ts";

/** What a mail says, before it becomes text and HTML. All of it is plain text. */
export interface MailContent {
	subject: string;
	heading: string;
	/** What mail programs show beside the subject. */
	preview: string;
	entries: MailEntry[];
	/** «and 3 more conversations». */
	more: string | null;
	action: Link;
	why: string;
	unsubscribe: Link;
}

/** One conversation. */
export interface MailEntry {
	sender: string;
	job: string;
	time: string;
	/** The newest message. Null if it may not be shown, or has nothing to show. */
	text: string | null;
	/** «and 2 earlier messages», or in a digest without texts how many there are. */
	note: string | null;
	action: Link | null;
}

export interface Link {
	label: string;
	/** ASCII, without a character that would end it in a header, in HTML or in text. */
	url: string;
}

interface Options {
	shown: ContentShown;
	appUrl: string;
	unsubscribeUrl: string;
}

export function mailContent(notice: Notice, options: Options, speech: Speech): MailContent {
	const { conversations } = notice;
	const { shown, appUrl } = options;
	const count = countOf(notice);
	const [newest] = conversations;
	const isMany = conversations.length > 1;
	const more = conversations.length - maxEntries;
	const heading = isMany
		? speech.say("newMessagesIn", { count, conversations: conversations.length })
		: speech.say("newMessages", { count });
	return {
		heading,
		...envelopeOf(notice, shown, heading, speech),
		entries: shown === "none" ? [] : conversations.slice(0, maxEntries).map((one) => entryOf(one, options, isMany, speech)),
		more: shown !== "none" && more > 0 ? speech.say("moreConversations", { count: more }) : null,
		action: isMany
			? { label: speech.say("openApp", {}), url: new URL(appUrl).href }
			: { label: speech.say(shown === "full" ? "reply" : "read", {}), url: conversationUrl(appUrl, newest) },
		why: speech.say("whyThisMail", { site: new URL(appUrl).host }),
		unsubscribe: { label: speech.say("turnOffMails", {}), url: new URL(options.unsubscribeUrl).href },
	};
}

/** A digest of more conversations than this says how many there are besides. */
const maxEntries = 20;

/** What is seen of a mail before it is opened. */
function envelopeOf({ conversations }: Notice, shown: ContentShown, heading: string, speech: Speech) {
	if (shown === "none") return { subject: heading, preview: "" };
	const senders = [...new Set(conversations.map((one) => namesIn(one, speech).sender))];
	if (conversations.length > 1) return { subject: heading, preview: senders.slice(0, maxEntries).join(", ") };
	const [newest] = conversations;
	const subject = speech.say("wroteAbout", namesIn(newest, speech));
	return { subject, preview: (shown === "full" && previewOf(newest, speech)) || heading };
}

function entryOf(conversation: NoticeConversation, { shown, appUrl }: Options, isMany: boolean, speech: Speech): MailEntry {
	const { count, at, text } = conversation;
	const { sender, job } = namesIn(conversation, speech);
	const written = isMany ? "" : inLines(text ?? "", maxTextLength);
	return {
		sender,
		job,
		time: speech.time(at),
		text: shown === "full" ? written || previewOf(conversation, speech) : null,
		note: noteOf(count, shown, isMany, speech),
		action: isMany
			? { label: speech.say(shown === "full" ? "reply" : "read", {}), url: conversationUrl(appUrl, conversation) }
			: null,
	};
}

function noteOf(count: number, shown: ContentShown, isMany: boolean, speech: Speech): string | null {
	if (shown !== "full") return isMany ? speech.say("newCount", { count }) : null;
	return count > 1 ? speech.say("earlierMessages", { count: count - 1 }) : null;
}

/** In graphemes. The rest of a longer message is read in the app. */
const maxTextLength = 1_500;

function conversationUrl(appUrl: string, { conversationId, seq }: NoticeConversation): string {
	return new URL(`${appUrl}/c/${encodeURIComponent(conversationId)}?m=${seq}`).href;
}
