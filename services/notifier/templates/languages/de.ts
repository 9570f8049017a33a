import type { Language } from "../messages.ts";

export const de: Language = {
	direction: "ltr",
	messages: {
		somebody: "Jemand",
		someJob: "eine Stelle",
		photo: "Foto",
		newMessages: "{count, plural, one {Sie haben eine neue Nachricht} other {Sie haben # neue Nachrichten}}",
		newMessagesAbout: "{count, plural, one {Neue Nachricht zu „{job}“} other {# neue Nachrichten zu „{job}“}}",
		newMessagesFrom: "{count, plural, one {Neue Nachricht} other {# neue Nachrichten}} von {sender} zu „{job}“",
		newMessagesIn:
			"{count, plural, one {# neue Nachricht} other {# neue Nachrichten}} in {conversations, plural, one {# Unterhaltung} other {# Unterhaltungen}}",
		newCount: "{count, plural, one {# neue Nachricht} other {# neue Nachrichten}}",
		openToRead: "{count, plural, one {Öffnen Sie die App, um sie zu lesen.} other {Öffnen Sie die App, um sie zu lesen.}}",
		andMore: "{count, plural, one {# weitere Person} other {# weitere}}",
		wroteAbout: "{sender} hat Ihnen zu „{job}“ geschrieben",
		earlierMessages: "{count, plural, one {und # frühere Nachricht} other {und # frühere Nachrichten}}",
		moreConversations: "{count, plural, one {und # weitere Unterhaltung} other {und # weitere Unterhaltungen}}",
		reply: "Antworten",
		read: "Lesen und antworten",
		openApp: "App öffnen",
		whyThisMail: "Sie erhalten diese E-Mail, weil es auf {site} Nachrichten für Sie gibt, die Sie noch nicht gelesen haben.",
		turnOffMails: "Diese E-Mails abbestellen",
		turnOffTitle: "E-Mails über neue Nachrichten abbestellen?",
		turnOffText:
			"Alle Nachrichten finden Sie weiterhin in der App. In ihren Einstellungen können Sie die E-Mails wieder einschalten.",
		turnedOffTitle: "E-Mails über neue Nachrichten sind abbestellt",
		turnedOffText:
			"Alle Nachrichten finden Sie weiterhin in der App. In ihren Einstellungen können Sie die E-Mails wieder einschalten.",
		badLinkTitle: "Dieser Link ist nicht gültig",
		badLinkText:
			"Bitte nehmen Sie den Link einer neueren E-Mail, oder schalten Sie die E-Mails in den Einstellungen der App aus.",
	},
};
