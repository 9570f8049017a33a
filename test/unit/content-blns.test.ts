import { readFileSync } from "node:fs";
import { type DOMWindow, JSDOM, VirtualConsole } from "jsdom";
import { plainText } from "../../services/messages/plain-text.ts";
import { renderHtml } from "../../services/messages/render-html.ts";

/** https://github.com/minimaxir/big-list-of-naughty-strings */
const naughtyStrings: string[] = JSON.parse(readFileSync("test/data/blns.json", "utf8"));
const table = naughtyStrings.map((typed) => ({ typed, stored: plainText(typed) }));

describe.each([
	{ how: "set as innerHTML", show: setInnerHtml },
	{ how: "written into a page", show: writePage },
])("a naughty string $how", ({ show }) => {
	const page = open();

	test.each(table)("runs nothing: $typed, stored as $stored", async ({ stored }) => {
		await show(page, renderHtml(stored));
		expect(page.ran).toEqual([]);
		const { document } = page.window;
		expect(document.querySelectorAll("html, head, body, main, :not(main *)")).toHaveLength(4);
		for (const element of document.querySelectorAll("main *")) {
			expect(["A", "BR"]).toContain(element.tagName);
			expect(element.getAttributeNames()).toEqual(element.tagName === "A" ? ["href", "rel", "target"] : []);
		}
		for (const { protocol } of document.links) expect(["http:", "https:", "mailto:"]).toContain(protocol);
		for (const line of document.querySelectorAll("br")) line.replaceWith("\n");
		expect(document.querySelector("main")?.textContent).toBe(stored);
	});

	test.each(["<iframe onload=alert(1)></iframe>", "<iframe src='javascript:nonsense'></iframe>"])(
		"is seen to run when it is not escaped: %s",
		async (html) => {
			const other = open();
			await show(other, html);
			expect(other.ran).not.toEqual([]);
		},
	);
});

test.each(naughtyStrings.filter((typed) => /<script>alert.*<.script>$/.test(typed)))(
	"is seen to run when it is not escaped: %s",
	async (html) => {
		const page = open();
		await writePage(page, html);
		expect(page.ran).not.toEqual([]);
	},
);

test.each(table.filter(({ typed }) => !/<[/!?a-z]/i.test(typed)))("is kept: $typed", ({ typed, stored }) => {
	expect(stored).toBe(typed.trim());
});

test.each(table.filter(({ stored }) => stored === ""))("becomes empty, being all white space or tags: $typed", ({ typed }) => {
	expect(typed.trim()).toMatch(/^(<.*>)?$/s);
});

async function setInnerHtml({ window }: Page, html: string): Promise<void> {
	await loaded(window);
	const { document } = window;
	document.body.innerHTML = "<main></main>";
	for (const main of document.querySelectorAll("main")) main.innerHTML = html;
	// Load events come in order: after that of a later frame, those of the string's have been.
	const frame = document.createElement("iframe");
	const framed = new Promise((resolve) => frame.addEventListener("load", resolve));
	document.body.append(frame);
	await framed;
	frame.remove();
}

async function writePage({ window }: Page, html: string): Promise<void> {
	window.document.open();
	window.document.write(`<!doctype html><html><head></head><body><main>${html}</main></body></html>`);
	window.document.close();
	await loaded(window);
}

/** A page that notes what its scripts do, an error of theirs or a call that jsdom does not implement included. */
function open(): Page {
	const ran: unknown[] = [];
	const note = (...what: unknown[]) => ran.push(what);
	const virtualConsole = new VirtualConsole();
	virtualConsole.on("jsdomError", note);
	for (const method of ["debug", "error", "info", "log", "warn"] as const) virtualConsole.on(method, note);
	const { window } = new JSDOM("<!doctype html><main></main>", {
		runScripts: "dangerously",
		virtualConsole,
		beforeParse: (page) => Object.assign(page, { alert: note, confirm: note, prompt: note }),
	});
	return { window, ran };
}

async function loaded(window: DOMWindow): Promise<void> {
	if (window.document.readyState === "complete") return;
	await new Promise<void>((resolve) => window.addEventListener("load", () => resolve(), { once: true }));
}

interface Page {
	window: DOMWindow;
	ran: unknown[];
}
