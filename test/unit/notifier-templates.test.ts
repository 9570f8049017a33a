import { IntlMessageFormat } from "intl-messageformat";
import { mailOf } from "../../services/notifier/templates/mail.ts";
import type { MessageKey } from "../../services/notifier/templates/messages.ts";
import type { ContentShown, Notice } from "../../services/notifier/templates/notice.ts";
import { shortOf } from "../../services/notifier/templates/short.ts";
import { languages, speak } from "../../services/notifier/templates/speech.ts";
import { inLines, nameIn, oneLine, shorten } from "../../services/notifier/templates/written-text.ts";
import { conversation, mailOptions, notice } from "../support/notices.ts";

const graphemes = (text: string) => [...new Intl.Segmenter("en", { granularity: "grapheme" }).segment(text)].length;

const one = (given: Parameters<typeof conversation>[0] = {}) => notice({ conversations: [conversation(given)] });
const told = (locale: string | null, given: Notice, shown: ContentShown = "full") => shortOf({ ...given, locale }, shown);

describe("languages", () => {
	/** The placeholders of a message, with their kinds. */
	function placeholdersOf(message: string, language: string): string[] {
		const found = new Set<string>();
		const walk = (elements: ReturnType<IntlMessageFormat["getAst"]>) => {
			for (const element of elements) {
				if ("value" in element && element.type !== 0) found.add(`${element.value} ${element.type}`);
				if ("options" in element) for (const { value } of Object.values(element.options)) walk(value);
			}
		};
		walk(new IntlMessageFormat(message, language, undefined, { ignoreTag: true }).getAst());
		return [...found].sort();
	}

	const english = Object.entries(languages.en?.messages ?? {});

	test.each(Object.keys(languages))("%s has every message with the placeholders of English, and no other", (tag) => {
		const messages = languages[tag]?.messages ?? ({} as Record<MessageKey, string>);
		expect(english.length).toBeGreaterThan(15);
		expect(Object.keys(messages).sort()).toEqual(english.map(([key]) => key).sort());
		for (const [key, message] of english) {
			const translated = messages[key as MessageKey];
			expect(translated.trim()).not.toBe("");
			expect([key, placeholdersOf(translated, tag)]).toEqual([key, placeholdersOf(message, "en")]);
		}
	});

	test.each([
		["de-AT", "de"],
		["DE", "de"],
		["tr-TR-u-nu-latn", "tr"],
		["en-GB", "en"],
		["fr", "en"],
		["constructor", "en"],
		["not a tag", "en"],
		["", "en"],
		[null, "en"],
	])("%s is told in %s", (locale, language) => {
		expect(speak({ locale, timezone: null }).language).toBe(language);
	});

	test.each([
		["en", 1, "New message from Ann about Nurse", "1 new message in 1 conversation"],
		["en", 2, "2 new messages from Ann about Nurse", "2 new messages in 2 conversations"],
		["en", 5, "5 new messages from Ann about Nurse", "5 new messages in 5 conversations"],
		["en", 21, "21 new messages from Ann about Nurse", "21 new messages in 21 conversations"],
		["de", 1, "Neue Nachricht von Ann zu „Nurse“", "1 neue Nachricht in 1 Unterhaltung"],
		["de", 2, "2 neue Nachrichten von Ann zu „Nurse“", "2 neue Nachrichten in 2 Unterhaltungen"],
		["de", 5, "5 neue Nachrichten von Ann zu „Nurse“", "5 neue Nachrichten in 5 Unterhaltungen"],
		["de", 21, "21 neue Nachrichten von Ann zu „Nurse“", "21 neue Nachrichten in 21 Unterhaltungen"],
		["tr", 1, "Ann, Nurse hakkında yeni bir mesaj gönderdi", "1 konuşmada 1 yeni mesaj"],
		["tr", 2, "Ann, Nurse hakkında 2 yeni mesaj gönderdi", "2 konuşmada 2 yeni mesaj"],
		["tr", 5, "Ann, Nurse hakkında 5 yeni mesaj gönderdi", "5 konuşmada 5 yeni mesaj"],
		["tr", 21, "Ann, Nurse hakkında 21 yeni mesaj gönderdi", "21 konuşmada 21 yeni mesaj"],
	])("%s, count %d", (locale, count, from, within) => {
		const { say } = speak({ locale, timezone: null });
		expect(say("newMessagesFrom", { count, sender: "Ann", job: "Nurse" })).toBe(from);
		expect(say("newMessagesIn", { count, conversations: count })).toBe(within);
	});

	test("times are in the person's zone and language; without a known zone they are in UTC and say so", () => {
		const at = "2026-11-24T23:30:00.000Z";
		expect(speak({ locale: "en-GB", timezone: "Europe/Istanbul" }).time(at)).toBe("Wed 25 Nov, 2:30");
		expect(speak({ locale: "de-AT", timezone: "Europe/Vienna" }).time(at)).toBe("Mi., 25. Nov., 0:30");
		expect(speak({ locale: "en-GB", timezone: null }).time(at)).toBe("Tue 24 Nov, 23:30 UTC");
		expect(speak({ locale: "en-GB", timezone: "Nowhere/Gone" }).time(at)).toBe("Tue 24 Nov, 23:30 UTC");
	});

	test("a name that is written from right to left does not move what is around it", () => {
		const { say } = speak({ locale: null, timezone: null });
		expect(say("wroteAbout", { sender: "محمد", job: "Nurse" })).toBe("\u2068محمد\u2069 wrote to you about Nurse");
	});

	test("what people write is not read as a message: braces and tags stay as they are", () => {
		const { say } = speak({ locale: null, timezone: null });
		expect(say("wroteAbout", { sender: "{job} <b>", job: "# '{0}'" })).toBe("{job} <b> wrote to you about # '{0}'");
	});
});

describe("short texts", () => {
	test("of one message: who wrote, and what", () => {
		expect(told(null, one())).toEqual({ title: "Ann Adams", body: "Shall we talk on Tuesday?" });
		expect(told("de", one({ text: null, isImage: true }))).toEqual({ title: "Ann Adams", body: "Foto" });
		expect(told("tr", one({ text: "see\n\n  this", isImage: true }))).toEqual({ title: "Ann Adams", body: "see this" });
	});

	test("of erased content: only who wrote about which job", () => {
		expect(told(null, one({ text: null }))).toEqual({ title: "Ann Adams", body: "New message about Data Engineer" });
	});

	test("of several messages: how many, and the newest", () => {
		const short = { title: "3 new messages from Ann Adams about Data Engineer", body: "Shall we talk on Tuesday?" };
		expect(told(null, one({ count: 3 }))).toEqual(short);
	});

	test("of several conversations: how many, and whose", () => {
		const senders = ["Ann", "Bo", "Cy", "Di", "Ed"];
		const [first = conversation(), ...rest] = senders.map((senderName) => conversation({ senderName, jobTitle: "Nurse" }));
		const digest = notice({ isDigest: true, conversations: [first, ...rest] });
		expect(told(null, digest)).toEqual({
			title: "5 new messages in 5 conversations",
			body: "Ann (Nurse), Bo (Nurse), Cy (Nurse), and 2 more",
		});
		expect(told("de", digest, "sender").body).toBe("Ann (Nurse), Bo (Nurse), Cy (Nurse) und 2 weitere");
		const two = { ...digest, conversations: [first, rest[0] ?? first] as Notice["conversations"] };
		expect(told("tr", two)).toEqual({ title: "2 konuşmada 2 yeni mesaj", body: "Ann (Nurse) ve Bo (Nurse)" });
	});

	const secret = one({ text: "the secret", senderName: "Ann", jobTitle: "Nurse", count: 2 });
	const secrets = notice({ isDigest: true, conversations: [secret.conversations[0], secret.conversations[0]] });

	test.each([
		["one conversation", secret],
		["a digest", secrets],
	])("of %s: nothing of the text is shown by `sender`, and nothing of the person by `none`", (_what, given) => {
		for (const locale of Object.keys(languages)) {
			const bySender = [JSON.stringify(told(locale, given, "sender"))];
			const byNone = [JSON.stringify(told(locale, given, "none"))];
			const { to: _to, headers: _headers, ...mail } = mailOf({ ...given, locale }, { ...mailOptions, shown: "sender" });
			const { text, html, subject } = mailOf({ ...given, locale }, { ...mailOptions, shown: "none" });
			bySender.push(JSON.stringify(mail));
			byNone.push(text, html, subject);
			for (const shown of bySender) expect(shown).not.toContain("secret");
			for (const shown of byNone) expect(shown).not.toMatch(/secret|Ann|Nurse/);
			expect(bySender.filter((shown) => shown.includes("Ann") && shown.includes("Nurse"))).toHaveLength(2);
		}
	});

	test("`none` says how many", () => {
		expect(told(null, one(), "none")).toEqual({ title: "You have a new message", body: "Open the app to read it." });
		expect(told("de", secret, "none").title).toBe("Sie haben 2 neue Nachrichten");
	});

	test("a person or a job without a visible name has a word in its place", () => {
		expect(told(null, one({ senderName: "\u202e\u200b", jobTitle: " \u0007", text: null }))).toEqual({
			title: "Somebody",
			body: "New message about a job",
		});
		expect(told("de", one({ senderName: "\u200d" })).title).toBe("Jemand");
	});

	test("they are bounded, whatever people write", () => {
		const worst = {
			senderName: "👨‍👩‍👧‍👦".repeat(200),
			jobTitle: `a${"\u0301".repeat(199)}`,
			text: "🏴󠁧󠁢󠁥󠁮󠁧󠁿".repeat(5_000),
			count: 2,
		};
		const { title, body } = told("de", one(worst));
		expect(graphemes(body)).toBeLessThanOrEqual(120);
		expect(Buffer.byteLength(title)).toBeLessThan(2_200);
		expect(Buffer.byteLength(body)).toBeLessThan(3_000);
	});
});

describe("what people wrote", () => {
	const family = "👨‍👩‍👧‍👦";
	const flag = "🇦🇹";

	test.each([
		["letters", "abcdef", 4, "abc…"],
		["a text that fits", "abcd", 4, "abcd"],
		["families", family.repeat(5), 4, `${family.repeat(3)}…`],
		["families that fit", family.repeat(4), 4, family.repeat(4)],
		["flags", flag.repeat(5), 4, `${flag.repeat(3)}…`],
		["combining marks", "e\u0301".repeat(5), 4, `${"e\u0301".repeat(3)}…`],
		["Arabic", "مرحبا بك", 4, "مرح…"],
		["Hangul of single letters", "\u1112\u1161\u11ab".repeat(5), 4, `${"\u1112\u1161\u11ab".repeat(3)}…`],
		["a space before the cut", "ab cdef", 4, "ab…"],
		["astral letters", "𝒜".repeat(5), 4, `${"𝒜".repeat(3)}…`],
	])("%s: what is too long is cut between graphemes", (_what, text, max, short) => {
		expect(shorten(text, max)).toBe(short);
	});

	test("a grapheme without an end is cut, and no surrogate is left alone", () => {
		const cut = shorten(`😀${"\u0301".repeat(10_000)}`, 1);
		expect(cut.isWellFormed()).toBe(true);
		expect(cut.length).toBeLessThan(20);
		expect(shorten(`a${"\u0301".repeat(10_000)}`, 50).length).toBeLessThanOrEqual(601);
	});

	test("control characters and direction overrides are left out, and lines stay lines", () => {
		expect(oneLine("a\0b\u202ec\u2066d\u2069 \r\n e\u2028f\u007f", 50)).toBe("abcd e f");
		expect(inLines("a\r\nb\rc\u2029d\u0000\n\n\n \n\ne\tf\u202d", 50)).toBe("a\nb\nc\nd\n\ne\tf");
		expect(oneLine("a\ud800b", 50)).toBe("a\ufffdb");
	});

	test("joiners stay: Persian words and emoji need them", () => {
		expect(oneLine("می\u200cخواهم 👩‍🚀", 50)).toBe("می\u200cخواهم 👩‍🚀");
		expect(nameIn("😀", "Somebody")).toBe("😀");
	});

	test("a text is quoted in the text of a mail, so that it cannot pass for the end of the mail", () => {
		const { text } = mailOf(one({ text: "hello\n-- \nTurn off these e-mails: https://evil.example" }), mailOptions);
		expect(text).toContain("> hello\n> -- \n> Turn off these e-mails: https://evil.example\n");
		expect(text.match(/^-- $/gm)).toHaveLength(1);
	});
});
