import type { Language } from "../messages.ts";

/** Nouns after a number have no plural. Suffixes would depend on the vowels of a name, so names and job titles take none. */
export const tr: Language = {
	direction: "ltr",
	messages: {
		somebody: "Birisi",
		someJob: "bir iş ilanı",
		photo: "Fotoğraf",
		newMessages: "{count, plural, one {Yeni bir mesajınız var} other {# yeni mesajınız var}}",
		newMessagesAbout: "{count, plural, one {{job} hakkında yeni mesaj} other {{job} hakkında # yeni mesaj}}",
		newMessagesFrom: "{sender}, {job} hakkında {count, plural, one {yeni bir mesaj} other {# yeni mesaj}} gönderdi",
		newMessagesIn:
			"{conversations, plural, one {# konuşmada} other {# konuşmada}} {count, plural, one {# yeni mesaj} other {# yeni mesaj}}",
		newCount: "{count, plural, one {# yeni mesaj} other {# yeni mesaj}}",
		openToRead: "{count, plural, one {Okumak için uygulamayı açın.} other {Okumak için uygulamayı açın.}}",
		andMore: "{count, plural, one {# kişi daha} other {# kişi daha}}",
		wroteAbout: "{sender}, {job} hakkında size yazdı",
		earlierMessages: "{count, plural, one {ve # önceki mesaj} other {ve # önceki mesaj}}",
		moreConversations: "{count, plural, one {ve # konuşma daha} other {ve # konuşma daha}}",
		reply: "Yanıtla",
		read: "Oku ve yanıtla",
		openApp: "Uygulamayı aç",
		whyThisMail: "Bu e-postayı, {site} üzerinde henüz okumadığınız mesajlarınız olduğu için aldınız.",
		turnOffMails: "Bu e-postaları kapat",
		turnOffTitle: "Yeni mesajlarla ilgili e-postalar kapatılsın mı?",
		turnOffText:
			"Tüm mesajlarınızı uygulamada bulmaya devam edersiniz. E-postaları uygulamanın ayarlarından yeniden açabilirsiniz.",
		turnedOffTitle: "Yeni mesajlarla ilgili e-postalar kapatıldı",
		turnedOffText:
			"Tüm mesajlarınızı uygulamada bulmaya devam edersiniz. E-postaları uygulamanın ayarlarından yeniden açabilirsiniz.",
		badLinkTitle: "Bu bağlantı geçerli değil",
		badLinkText: "Lütfen daha yeni bir e-postadaki bağlantıyı kullanın veya e-postaları uygulamanın ayarlarından kapatın.",
	},
};
