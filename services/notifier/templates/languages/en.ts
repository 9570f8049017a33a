import type { Language } from "../messages.ts";

export const en: Language = {
	direction: "ltr",
	messages: {
		somebody: "Somebody",
		someJob: "a job",
		photo: "Photo",
		newMessages: "{count, plural, one {You have a new message} other {You have # new messages}}",
		newMessagesAbout: "{count, plural, one {New message about {job}} other {# new messages about {job}}}",
		newMessagesFrom: "{count, plural, one {New message} other {# new messages}} from {sender} about {job}",
		newMessagesIn:
			"{count, plural, one {# new message} other {# new messages}} in {conversations, plural, one {# conversation} other {# conversations}}",
		newCount: "{count, plural, one {# new message} other {# new messages}}",
		openToRead: "{count, plural, one {Open the app to read it.} other {Open the app to read them.}}",
		andMore: "{count, plural, one {# more} other {# more}}",
		wroteAbout: "{sender} wrote to you about {job}",
		earlierMessages: "{count, plural, one {and # earlier message} other {and # earlier messages}}",
		moreConversations: "{count, plural, one {and # more conversation} other {and # more conversations}}",
		reply: "Reply",
		read: "Read and reply",
		openApp: "Open the app",
		whyThisMail: "You get this e-mail because there are messages for you on {site} that you have not read yet.",
		turnOffMails: "Turn off these e-mails",
		turnOffTitle: "Turn off e-mails about new messages?",
		turnOffText: "You will still find all messages in the app, and you can turn the e-mails on again in its settings.",
		turnedOffTitle: "E-mails about new messages are off",
		turnedOffText: "You will still find all messages in the app, and you can turn the e-mails on again in its settings.",
		badLinkTitle: "This link is not valid",
		badLinkText: "Please use the link of a newer e-mail, or turn off the e-mails in the settings of the app.",
	},
};
