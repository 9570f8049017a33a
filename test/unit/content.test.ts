import fc from "fast-check";
import { JSDOM } from "jsdom";
import sanitizeHtml from "sanitize-html";
import { codePoints } from "../../lib/text-length.ts";
import { plainText } from "../../services/messages/plain-text.ts";
import { renderHtml } from "../../services/messages/render-html.ts";

jest.mock("sanitize-html", () => jest.fn(jest.requireActual("sanitize-html")));

describe("the stored text", () => {
	test.each([
		"if a < b && c > d",
		"5 <b",
		"i <3 u",
		"</3 you > me",
		"a <-- b",
		"a <b and c < d",
		"<",
		"< b >",
		"<>",
		"a <!-- b > c",
		"x <![CDATA[ y > z",
		"Ada <ada@lovelace.example>",
		"5 <b <ada@lovelace.example>",
		"&lt;b&gt; and &amp; and &amp;lt; and &#60;b&#62; and &copy",
		`"quoted" and 'quoted'`,
		"a\n\n  b\tc",
		"👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 e\u0301",
		"a\u200b\u200c\u200d\u2060b",
		"\u200fשלום\u200e \u202eabc\u202c",
		"{{constructor}} javascript:alert(1)",
	])("keeps %j as typed", (typed) => {
		expect(plainText(typed)).toBe(typed);
	});

	test.each([
		["  a \n", "a"],
		["\ufeff\u00a0a\u3000", "a"],
		["a\r\nb\rc\n\r\nd", "a\nb\nc\n\nd"],
		["<b>bold</b> & <i title='a > b'>slanted</i>", "bold & slanted"],
		["<b> a </b>", "a"],
		['<p>it\'s "so" &amp; so</p>', `it's "so" &amp; so`],
		["a<script>alert('<b>')</script>b", "ab"],
		["a<STYLE>b {}</STYLE >c", "ac"],
		["a<textarea>b</textarea><select><option>c</option></select>d", "ad"],
		["<script>alert(1)", ""],
		["<img src=x onerror=alert(1)>", ""],
		["<svg/onload=alert(1)>a</svg>", "a"],
		["a<!-- b -->c<!--> d", "ac d"],
		["<!doctype html>a<?php b ?>c<![CDATA[d]]>e", "ace"],
		["<<b>script>alert(1)<</b>/script>", ""],
		["<<<b>b>b>a", "a"],
		["see <https://a.example/?b=c&d> there", "see https://a.example/?b=c&d there"],
		['<a href="x>first</a> second', "first second"],
		["<a href='x>first</a> second", "first second"],
		["<b>&lt;i&gt;</b>", "&lt;i&gt;"],
		["<b>we</b> </3 you > me", "we </3 you > me"],
		["a<!--b@c>-->d<!--<e@f.example-->g<!--<https://h-->i", "adgi"],
	])("of %j is %j", (typed, stored) => {
		expect(plainText(typed)).toBe(stored);
	});

	test("does not change when it is cleaned again", () => {
		fc.assert(
			fc.property(typedText, (typed) => {
				const stored = plainText(typed);
				expect(plainText(stored)).toBe(stored);
			}),
			{ numRuns: 2000 },
		);
	});

	test("has no complete tag", () => {
		fc.assert(
			fc.property(typedText, (typed) => {
				expect(plainText(typed)).not.toMatch(/<\/?[a-z][^<>@]*>|<!--.*-->/is);
			}),
			{ numRuns: 2000 },
		);
	});

	test.each(["<", ">"])("of a text without %j is only trimmed, its line ends being LF", (bracket) => {
		fc.assert(
			fc.property(typedText, (text) => {
				const typed = text.replaceAll(bracket, "");
				expect(plainText(typed)).toBe(typed.replace(/\r\n?/g, "\n").trim());
			}),
		);
	});

	test.each([
		"<".repeat(5000),
		"<a".repeat(2500),
		"<b".repeat(1600) + ">".repeat(1800),
		"<<b>b".repeat(1000),
		"<".repeat(1250) + "b>".repeat(1875),
		`${'<a b="'.repeat(800)}>`,
		`${"<!--<![CDATA[".repeat(380)}>`,
		nested(800),
	])("of hostile input takes few passes (%#)", (typed) => {
		jest.mocked(sanitizeHtml).mockClear();
		const stored = plainText(typed);
		expect(jest.mocked(sanitizeHtml).mock.calls.length).toBeLessThanOrEqual(16);
		expect(plainText(stored)).toBe(stored);
	});

	test("of plain text is had without sanitize-html", () => {
		jest.mocked(sanitizeHtml).mockClear();
		plainText("if a < b && c > d, i <3 u");
		expect(sanitizeHtml).not.toHaveBeenCalled();
	});
});

describe("the HTML of a text", () => {
	const link = (href: string, text = href) => `<a href="${href}" rel="noopener noreferrer nofollow" target="_blank">${text}</a>`;

	test.each([
		["a < b && c > d", "a &lt; b &amp;&amp; c &gt; d"],
		[`"it's" &amp;`, "&quot;it&#39;s&quot; &amp;amp;"],
		["a\n\nb", "a<br><br>b"],
		["see https://a.example/x?b=1&c=2#d.", `see ${link("https://a.example/x?b=1&amp;c=2#d")}.`],
		["HTTP://A.example, b", `${link("HTTP://A.example")}, b`],
		["www.a.example!", `${link("https://www.a.example", "www.a.example")}!`],
		["(https://a.example/b_(c))", `(${link("https://a.example/b_(c)")})`],
		["https://a.example/b)", `${link("https://a.example/b")})`],
		["https://a.example https://b.example", `${link("https://a.example")} ${link("https://b.example")}`],
		["https://a.example/b\nhttp://localhost:3000", `${link("https://a.example/b")}<br>${link("http://localhost:3000")}`],
		[`"https://a.example/"onclick="b`, `&quot;${link("https://a.example/")}&quot;onclick=&quot;b`],
		["https://a.example/'b", link("https://a.example/&#39;b")],
		["https://a.example/<b>", `${link("https://a.example/")}&lt;b&gt;`],
		["https://a.example/\u202egpj", `${link("https://a.example/")}\u202egpj`],
		["訪問https://例え.example/日本。", `訪問${link("https://例え.example/日本")}。`],
		["Ada <ada@a.example>.", `Ada &lt;${link("mailto:ada@a.example", "ada@a.example")}&gt;.`],
		["https://ada@a.example/", link("https://ada@a.example/")],
	])("of %j is %j", (content, html) => {
		expect(renderHtml(content)).toBe(html);
	});

	test.each([
		"readme.md",
		"https://",
		"http://...",
		"http://[",
		"www.",
		"www.a",
		"www...",
		"xhttps://a.example",
		"javascript:alert(1)",
		"javascript://a.example/%0aalert(1)",
		"JaVaScRiPt:alert(1)//@a",
		"data:text/html,b",
		"vbscript:b",
		"ftp://a.example",
		"file:///etc/passwd",
		"//a.example",
		"httpſ://a.example",
		"a@b",
		"a@b.c",
		"@ada",
		"jürgen@a.example",
		"a@b@c.example@d",
	])("has no link for %j", (content) => {
		expect(renderHtml(content)).toBe(content);
	});

	test("has in a DOM only links and line breaks, and the text of its content", () => {
		const { document } = new JSDOM().window;
		fc.assert(
			fc.property(typedText, (typed) => {
				const content = plainText(typed);
				document.body.innerHTML = renderHtml(content);
				for (const element of document.body.querySelectorAll("*")) {
					expect(["A", "BR"]).toContain(element.tagName);
					expect(element.getAttributeNames()).toEqual(element.tagName === "A" ? ["href", "rel", "target"] : []);
				}
				for (const { protocol } of document.links) expect(["http:", "https:", "mailto:"]).toContain(protocol);
				for (const line of document.body.querySelectorAll("br")) line.replaceWith("\n");
				expect(document.body.textContent).toBe(content);
			}),
			{ numRuns: 2000 },
		);
	});
});

test("code points are counted as an iterator of the string counts them", () => {
	fc.assert(
		fc.property(fc.string({ unit: fc.oneof(fc.constantFrom("\ud83d", "\ude00", "😀", "a", "\u200d"), codeUnit) }), (text) => {
			expect(codePoints(text)).toBe([...text].length);
		}),
	);
});

const codeUnit = fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit));

/** Made mostly of what could confuse a parser; without NUL, which the contract refuses. */
const typedText = fc
	.array(
		fc.oneof(
			{
				weight: 4,
				arbitrary: fc.constantFrom("<", "<", ">", ">", "/", "&", '"', "'", "=", " ", "\n", "\r", "!", "-", ";", "@", "."),
			},
			{
				weight: 3,
				arbitrary: fc.constantFrom("b", "script", "a href=", "</", "<b>", "</b>", "<script>", "</script>", "<option>"),
			},
			{
				weight: 3,
				arbitrary: fc.constantFrom("<!--", "-->", "<![CDATA[", "]]>", "<?", "&lt;", "&gt;", "&amp;", "&quot;", "<title>"),
			},
			{
				weight: 3,
				arbitrary: fc.constantFrom("https://", "http://", "www.", "a.example", "a@b.example", "javascript:", "(", ")", "ſ"),
			},
			{ weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 3 }).map((text) => text.replaceAll("\0", "")) },
		),
		{ maxLength: 24 },
	)
	.map((parts) => parts.join(""));

/** Tags in tags, each level giving another when its inner one is removed. */
function nested(levels: number): string {
	return levels === 0 ? "" : `<${nested(levels - 1)}b>`;
}
