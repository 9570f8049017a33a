import { readFileSync } from "node:fs";
import type { Browser } from "playwright-core";
import { plainText } from "../../services/messages/plain-text.ts";
import { as, startBroker, type TestNode } from "../support/broker.ts";
import { startBrowser, strictPolicy, type WatchedPage, watchPage } from "../support/browser.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/database.ts";
import { openConversation, send } from "../support/platform.ts";

jest.setTimeout(60_000);

/** https://github.com/minimaxir/big-list-of-naughty-strings */
const naughtyStrings: string[] = JSON.parse(readFileSync("test/data/blns.json", "utf8"));

/** More that runs where it is not escaped, links of every kind, and lines. */
const more = [
	"one line\r\nanother\n\n<b>and</b> more",
	'<img src=x onerror="alert(1)">',
	"<svg onload=alert(1)>",
	"<iframe srcdoc='<script>parent.alert(1)</script>'></iframe>",
	"<style>@import url(https://evil.example/style.css)</style>",
	"<link rel=stylesheet href=https://evil.example/style.css>",
	"1 < 2 <img src=x onerror=alert(1)",
	"&lt;img src=x onerror=alert(1)&gt;",
	'https://a.example/" onmouseover="alert(1)',
	"https://a.example/?a=1&b=<script>alert(1)</script>#x",
	"www.a.example, mailto:ada@a.example and ada@a.example",
	"javascript:alert(1) data:text/html,<script>alert(1)</script> vbscript:x file:///etc/passwd",
	"http://javascript:alert(1)@a.example",
];
const typed = [...naughtyStrings, ...more];

/** What a client shows of a message. */
interface Shown {
	content: string;
	contentHtml: string;
}

let database: TestDatabase;
let node: TestNode;
let browser: Browser;
/** Sent, stored and listed: as a client gets them. */
let shown: Shown[];

beforeAll(async () => {
	database = await createMigratedDatabase();
	node = await startBroker({ databaseUrl: database.url, services: ["conversations", "directory", "messages"] });
	browser = await startBrowser();
	shown = await storeAll();
});

afterAll(async () => {
	await browser.close();
	await node.stop();
	await database.drop();
});

test("every string that is not empty without its tags was stored", () => {
	expect(shown.map(({ content }) => content)).toEqual(typed.map(plainText).filter((text) => text !== ""));
	expect(shown.length).toBeGreaterThan(450);
});

/** How a client may put messages into a page. Each makes one `div` in `main` for each message. */
const placings: { how: string; open(policy: string | undefined, messages: Shown[]): Promise<WatchedPage> }[] = [
	{ how: "content as textContent", open: (policy, messages) => openAndRun(policy, messages, setTextContent) },
	{ how: "contentHtml as innerHTML", open: (policy, messages) => openAndRun(policy, messages, setInnerHtml) },
	{ how: "contentHtml parsed into another document", open: (policy, messages) => openAndRun(policy, messages, parseAndAdopt) },
	{ how: "contentHtml in the HTML of the page", open: (policy, messages) => watchPage(browser, pageOf(messages), policy) },
];

describe.each(placings)("$how", ({ how, open }) => {
	test.each([
		["a strict policy", strictPolicy],
		["no policy at all", undefined],
	])("runs nothing and fetches nothing, with %s", async (_policy, policy) => {
		const watched = await open(policy, shown);
		const seen = await watched.seen();
		const found = await watched.page.evaluate(inspect);
		await watched.close();
		expect(seen).toEqual([]);

		expect(found.elementsOfPage).toEqual(["HTML", "HEAD", "META", "TITLE", "BODY", "MAIN"]);
		expect(found.texts).toEqual(shown.map(({ content }) => content));
		const isText = how === "content as textContent";
		expect(new Set(found.elements)).toEqual(new Set(isText ? [] : ["A", "BR"]));
		expect(found.links.length > 0).toBe(!isText);
		for (const { attributes, protocol, rel } of found.links) {
			expect(attributes).toEqual(["href", "rel", "target"]);
			expect(["http:", "https:", "mailto:"]).toContain(protocol);
			expect(rel).toBe("noopener noreferrer nofollow");
		}
	});
});

test("there are links of each kind, and of no other", async () => {
	const watched = await openAndRun(strictPolicy, shown, setInnerHtml);
	const { links } = await watched.page.evaluate(inspect);
	await watched.close();
	expect(new Set(links.map(({ protocol }) => protocol))).toEqual(new Set(["http:", "https:", "mailto:"]));
});

describe("what a client must not do is seen here", () => {
	/** What the strings would do if they came as they were typed. */
	const raw = typed.map((text) => ({ content: text, contentHtml: text }));

	test("scripts run, and other hosts are asked, when the strings themselves are set as innerHTML", async () => {
		const watched = await openAndRun(undefined, raw, setInnerHtml);
		const seen = await watched.seen();
		await watched.close();
		for (const kind of [/^dialog: /, /^console: /, /^request: /]) expect(seen.filter((line) => kind.test(line))).not.toEqual([]);
	});

	test("the policy stops scripts, images and styles when the strings themselves are set as innerHTML", async () => {
		const watched = await openAndRun(strictPolicy, raw, setInnerHtml);
		const seen = await watched.seen();
		await watched.close();
		expect(seen.filter((line) => line.startsWith("dialog: "))).toEqual([]);
		for (const directive of ["script-src-attr", "img-src", "style-src"]) {
			expect(seen.some((line) => line.startsWith(`stopped by the CSP: ${directive}`))).toBe(true);
		}
	});
});

async function storeAll(): Promise<Shown[]> {
	const { calls } = node;
	const { conversationId, applicantId, employerId } = await openConversation(calls);
	for (const text of typed) {
		const isEmpty = plainText(text) === "";
		const sent = await send(calls, conversationId, applicantId, text).catch(({ type }: { type?: string }) => type);
		if (isEmpty) expect(sent).toBe("VALIDATION_FAILED");
		else expect(sent).toMatchObject({ content: plainText(text) });
	}
	const listed: Shown[] = [];
	for (let after = 0, hasMore = true; hasMore; after = listed.length) {
		const page = await calls.call("messages.list", { conversationId, after, limit: 100 }, as(employerId));
		listed.push(
			...page.items.map(({ content, contentHtml }) => ({ content: String(content), contentHtml: String(contentHtml) })),
		);
		hasMore = page.hasMore;
	}
	return listed;
}

function pageOf(messages: Shown[]): string {
	const divs = messages.map(({ contentHtml }) => `<div>${contentHtml}</div>`).join("");
	return `<!doctype html><html><head><meta charset="utf-8"><title>Parley</title></head><body><main>${divs}</main></body></html>`;
}

async function openAndRun(
	policy: string | undefined,
	messages: Shown[],
	place: (messages: Shown[]) => void,
): Promise<WatchedPage> {
	const watched = await watchPage(browser, pageOf([]), policy);
	await watched.page.evaluate(place, messages);
	return watched;
}

/* These run in the browser. */

function setTextContent(messages: Shown[]): void {
	for (const { content } of messages) {
		const div = document.createElement("div");
		document.querySelector("main")?.append(div);
		div.textContent = content;
	}
}

function setInnerHtml(messages: Shown[]): void {
	for (const { contentHtml } of messages) {
		const div = document.createElement("div");
		document.querySelector("main")?.append(div);
		div.innerHTML = contentHtml;
	}
}

function parseAndAdopt(messages: Shown[]): void {
	for (const { contentHtml } of messages) {
		const div = document.createElement("div");
		document.querySelector("main")?.append(div);
		const parsed = new DOMParser().parseFromString(contentHtml, "text/html");
		// What a parser moves out of the body would be lost.
		if (parsed.head.childNodes.length > 0) throw new Error(`${contentHtml} has a head`);
		div.append(...parsed.body.childNodes);
	}
}

function inspect() {
	const divs = [...document.querySelectorAll("main > div")];
	const elements = [...document.querySelectorAll("main > div *")];
	const links = elements.flatMap((element) => {
		if (!(element instanceof HTMLAnchorElement)) return [];
		return [{ attributes: element.getAttributeNames(), protocol: element.protocol, rel: element.rel }];
	});
	const tags = elements.map(({ tagName }) => tagName);
	const elementsOfPage = [...document.querySelectorAll("*:not(main *)")].map(({ tagName }) => tagName);
	for (const line of document.querySelectorAll("main > div br")) line.replaceWith("\n");
	return { elements: tags, links, elementsOfPage, texts: divs.map(({ textContent }) => textContent) };
}
