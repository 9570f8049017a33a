import { mkdirSync, readFileSync } from "node:fs";
import type { Browser } from "playwright-core";
import { pagePolicy, unsubscribePage } from "../../services/notifier/settings/unsubscribe-page.ts";
import { mailOf } from "../../services/notifier/templates/mail.ts";
import type { Notice, NoticeConversation } from "../../services/notifier/templates/notice.ts";
import { speak } from "../../services/notifier/templates/speech.ts";
import { startBrowser, watchPage } from "../support/browser.ts";
import { conversation, mailOptions, notice } from "../support/notices.ts";
import { useStarted } from "../support/use-started.ts";

/** The pictures of the last run, to be looked at. */
const folder = "coverage/mails";

const browser: Browser = useStarted(startBrowser, (started) => started.close());

beforeAll(() => mkdirSync(folder, { recursive: true }));

const message =
	"Hello Bob,\n\nthank you for your application. We would like to meet you next week: does Tuesday at 10:00 suit you?\n\n" +
	"You find us at https://example.org/visit. Please bring your portfolio <print or PDF> & a good question.\n\nBest wishes\nAnn";
const german =
	"Guten Tag, Herr Müller,\n\nvielen Dank für Ihre Bewerbung. Für das Gespräch über die Donaudampfschifffahrtsgesellschafts" +
	"kapitänsausbildungsverordnung haben wir am Donnerstag Zeit.\n\nMit freundlichen Grüßen\nJürgen Weißbrodt";
const turkish =
	"Merhaba,\n\nBaşvurunuz için teşekkür ederiz. Görüşme için perşembe günü öğleden sonra uygun musunuz?\n\nİyi çalışmalar";

const people = ["Ann Adams", "Jürgen Weißbrodt", "Ayşe Yılmaz", "Łukasz Wójcik", "محمد علي", "李小龙", "Bo", "Zoë 🌻", "O’Neil"];
const jobs = ["Data Engineer", "Gesundheits- und Krankenpfleger (m/w/d)", "Yazılım Geliştirici", "مهندس برمجيات"];

function digestOf(count: number): [NoticeConversation, ...NoticeConversation[]] {
	const all = Array.from({ length: count }, (_, i) =>
		conversation({
			senderName: people[i % people.length] ?? "",
			jobTitle: jobs[i % jobs.length] ?? "",
			count: 1 + (i % 3),
			text: i % 5 === 4 ? null : ([message, german, turkish][i % 3] ?? null),
			isImage: i % 5 === 4,
		}),
	);
	return [all[0] ?? conversation(), ...all.slice(1)];
}

const mails: { name: string; mail: Notice; shown?: "sender" | "none" }[] = [
	{ name: "english", mail: notice({ locale: "en-GB", conversations: [conversation({ text: message, count: 3 })] }) },
	{
		name: "german",
		mail: notice({
			locale: "de-AT",
			conversations: [conversation({ senderName: people[1] ?? "", jobTitle: jobs[1] ?? "", text: german })],
		}),
	},
	{
		name: "turkish",
		mail: notice({
			locale: "tr",
			timezone: null,
			conversations: [conversation({ senderName: people[2] ?? "", jobTitle: jobs[2] ?? "", text: turkish, count: 2 })],
		}),
	},
	{
		name: "long-words",
		mail: notice({
			conversations: [
				conversation({
					senderName: "N".repeat(200),
					jobTitle: "Ж".repeat(200),
					text: `${"w".repeat(3_000)}\n${"ع".repeat(300)}`,
				}),
			],
		}),
	},
	{ name: "photo", mail: notice({ conversations: [conversation({ text: null, isImage: true, senderName: people[4] ?? "" })] }) },
	{ name: "sender", mail: notice({ locale: "de", conversations: [conversation({ count: 5 })] }), shown: "sender" },
	{ name: "none", mail: notice({ locale: "de" }), shown: "none" },
	{ name: "digest", mail: notice({ isDigest: true, locale: "en-GB", conversations: digestOf(12) }) },
	{ name: "digest-german", mail: notice({ isDigest: true, locale: "de", conversations: digestOf(25) }) },
	{ name: "digest-sender", mail: notice({ isDigest: true, locale: "tr", conversations: digestOf(3) }), shown: "sender" },
];

const pages = [
	...mails.map(({ name, mail, shown = "full" as const }) => ({
		name,
		html: mailOf(mail, { ...mailOptions, shown }).html,
		policy: undefined as string | undefined,
	})),
	...(["ask", "done", "invalid"] as const).map((kind) => ({
		name: `page-${kind}`,
		html: unsubscribePage(kind, speak({ locale: "de", timezone: null })),
		// `seen` asks the server for something.
		policy: `${pagePolicy}; connect-src 'self'` as string | undefined,
	})),
];

const looks = [
	{ scheme: "light", width: 375 },
	{ scheme: "light", width: 800 },
	{ scheme: "dark", width: 375 },
	{ scheme: "dark", width: 800 },
] as const;

test.each(pages)("$name is readable, light and dark, and not wider than a phone or a window", async ({ name, html, policy }) => {
	const watched = await watchPage(browser, html, policy);
	const { page } = watched;
	try {
		for (const { scheme, width } of looks) {
			await page.emulateMedia({ colorScheme: scheme });
			await page.setViewportSize({ width, height: 700 });
			const { overflow, texts, isDark } = await page.evaluate(measure);
			await page.screenshot({ path: `${folder}/${name}-${scheme}-${width}.png`, fullPage: true });

			expect({ overflow, isDark }).toEqual({ overflow: 0, isDark: scheme === "dark" });
			expect(texts.length).toBeGreaterThan(1);
			expect(texts.filter(({ contrast }) => contrast < 4.5)).toEqual([]);
		}
		expect(await watched.seen()).toEqual([]);
	} finally {
		await watched.close();
	}
});

const naughtyStrings: string[] = JSON.parse(readFileSync("test/data/blns.json", "utf8"));

const perDigest = 20;

test("what people write adds no element, no attribute and no link to a mail, and does nothing when it is opened", async () => {
	const written = (text: string) => conversation({ conversationId: "c", senderName: text, jobTitle: text, text });
	const htmlOf = (text: string) => mailOf(notice({ conversations: [written(text)] }), mailOptions).html;
	const watched = await watchPage(browser, htmlOf("harmless"), undefined);
	try {
		const [harmless, ...others] = await watched.page.evaluate(parts, ["harmless", ...naughtyStrings].map(htmlOf));
		expect(harmless?.links).toEqual(["https://jobs.example.org/c/c?m=7", mailOptions.unsubscribeUrl]);
		expect(others).toHaveLength(naughtyStrings.length);
		expect(others.filter((one) => JSON.stringify(one) !== JSON.stringify(harmless))).toEqual([]);
		expect(await watched.seen()).toEqual([]);
	} finally {
		await watched.close();
	}
	for (let i = 0; i < naughtyStrings.length; i += perDigest) {
		const [first = conversation(), ...rest] = naughtyStrings.slice(i, i + perDigest).map(written);
		const opened = await watchPage(browser, mailOf(notice({ conversations: [first, ...rest] }), mailOptions).html, undefined);
		const seen = await opened.seen().finally(() => opened.close());
		expect(seen).toEqual([]);
	}
}, 60_000);

/** Runs in the browser: the elements of each mail with their attributes, except line ends, and where its links lead. */
function parts(mails: string[]) {
	return mails.map((html) => {
		const parsed = new DOMParser().parseFromString(html, "text/html");
		const elements = [...parsed.querySelectorAll("*:not(br)")].filter((element) => !element.matches(".bubble, .avatar"));
		return {
			elements: elements.map((element) => [element.tagName, ...element.getAttributeNames()].join(" ")),
			links: [...parsed.querySelectorAll("a")].map(({ href }) => href),
		};
	});
}

/** Runs in the browser: how far the page is too wide, and the contrast of each text on the colour behind it (WCAG 2). */
function measure() {
	const channels = (color: string) => (color.match(/[\d.]+/g) ?? []).map(Number);
	const luminance = (color: string) => {
		const [r = 0, g = 0, b = 0] = channels(color).map((value) => {
			const part = value / 255;
			return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
		});
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const groundOf = (element: Element): string => {
		for (let at: Element | null = element; at; at = at.parentElement) {
			const { backgroundColor } = getComputedStyle(at);
			if (channels(backgroundColor)[3] !== 0) return backgroundColor;
		}
		return "rgb(255, 255, 255)";
	};
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	const texts: { text: string; contrast: number }[] = [];
	for (let node = walker.nextNode(); node; node = walker.nextNode()) {
		const element = node.parentElement;
		const text = node.textContent?.trim() ?? "";
		if (!element?.checkVisibility() || text === "") continue;
		const [ink, ground] = [luminance(getComputedStyle(element).color), luminance(groundOf(element))];
		const [light, dark] = ink > ground ? [ink, ground] : [ground, ink];
		texts.push({ text: text.slice(0, 40), contrast: (light + 0.05) / (dark + 0.05) });
	}
	const { scrollWidth, clientWidth } = document.documentElement;
	return { overflow: scrollWidth - clientWidth, texts, isDark: luminance(groundOf(document.body)) < 0.1 };
}
