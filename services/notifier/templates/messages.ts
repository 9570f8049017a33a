/** Every message that the notifier says to people, with the values that it takes. */
export interface MessageValues {
	/** In place of a name, or of a job title, that has no visible character. */
	somebody: None;
	someJob: None;
	photo: None;
	newMessages: { count: number };
	newMessagesAbout: { count: number; job: string };
	newMessagesFrom: { count: number; sender: string; job: string };
	newMessagesIn: { count: number; conversations: number };
	newCount: { count: number };
	openToRead: { count: number };
	andMore: { count: number };
	/** The subject of a mail. It has no count, so that the mails of a conversation have one subject: Gmail makes threads by it. */
	wroteAbout: { sender: string; job: string };
	earlierMessages: { count: number };
	moreConversations: { count: number };
	reply: None;
	read: None;
	openApp: None;
	/** `site` is the host name of the app. */
	whyThisMail: { site: string };
	turnOffMails: None;
	turnOffTitle: None;
	turnOffText: None;
	turnedOffTitle: None;
	turnedOffText: None;
	badLinkTitle: None;
	badLinkText: None;
}

type None = Record<never, never>;

export type MessageKey = keyof MessageValues;

/** A language that people are told in. Its messages are in ICU MessageFormat. */
export interface Language {
	direction: "ltr" | "rtl";
	messages: Record<MessageKey, string>;
}
