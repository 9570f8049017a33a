import fc from "fast-check";
import { fold } from "../../lib/fold.ts";
import { highlightsOf, snippetOf } from "../../services/messages/search/highlights.ts";
import { scoreOf } from "../../services/messages/search/match.ts";
import { parseQuery } from "../../services/messages/search/query.ts";
import { masksOf, signatureOf } from "../../services/messages/search/signature.ts";
import { searchPairs } from "../support/search-pairs.ts";

const finds = (q: string, content: string) => scoreOf(fold(content), parseQuery(q).groups) > 0;

/** Whether the index would offer the message. */
function isCandidate(q: string, content: string): boolean {
	const { groups, filters } = parseQuery(q);
	const signature = signatureOf({ senderId: "ada", type: "TEXT", content });
	return groups.some((group) =>
		masksOf(group, filters, "ada").some((mask) => mask.length === signature.length && covers(signature, mask)),
	);
}

function covers(signature: string, mask: string): boolean {
	const [bits, needed] = [signature, mask].map((hex) => BigInt(`0${hex}`)) as [bigint, bigint];
	return (bits & needed) === needed;
}

describe.each(searchPairs)("$language", ({ content, found, notFound }) => {
	test.each(found)("is found by %j", (q) => {
		expect(finds(q, content)).toBe(true);
		expect(isCandidate(q, content)).toBe(true);
	});

	test.each(notFound)("is not found by %j", (q) => {
		expect(finds(q, content)).toBe(false);
	});
});

test("any part of a message finds it, and everything that matches is a candidate", () => {
	fc.assert(
		fc.property(fc.string({ unit: "grapheme", minLength: 3 }), fc.nat(), fc.nat(), (content, a, b) => {
			const [start, end] = [a % content.length, b % (content.length + 1)].sort((x, y) => x - y) as [number, number];
			const part = content.slice(start, end).toWellFormed().trim();
			fc.pre(part !== "" && part.length <= 100);
			try {
				if (finds(part, content)) expect(isCandidate(part, content)).toBe(true);
			} catch (error) {
				expect(error).toMatchObject({ type: "VALIDATION_FAILED" });
			}
		}),
		{ numRuns: 2_000 },
	);
});

test("a word of three letters or more is found in any text that has it", () => {
	const word = fc.string({ unit: fc.constantFrom(..."abcdeéöñßяж日本한สม👍"), minLength: 3, maxLength: 8 });
	const context = fc.string({ unit: fc.constantFrom(..." .,abcdé日👍\n"), maxLength: 2_000 });
	fc.assert(
		fc.property(word, context, context, (searched, before, after) => {
			const content = `${before}${searched}${after}`;
			expect(finds(searched, content)).toBe(true);
			expect(isCandidate(searched, content)).toBe(true);
		}),
	);
});

test.each([
	["cafe", "👍🏽 Cafe\u0301 café", ["Cafe\u0301", "café"]],
	["👍", "ok 👍🏽!", ["👍🏽"]],
	["이력서", "👩‍👩‍👧 제 이력서를".normalize("NFD"), ["이력서".normalize("NFD")]],
	["fin", "a ﬁn b", ["ﬁn"]],
	["ffi", "oﬃce", ["ﬃ"]],
	["abc bcd", "xabcdx", ["abcd"]],
	["b or c", "b d c", ["b", "c"]],
	["-x b", "a b", ["b"]],
	['"hello world"', "Hello, World!", ["Hello, World"]],
	["from:me", "a b", []],
])("%j marks in %j exactly %j", (q, content, marked) => {
	const chars = Array.from(content);
	const ranges = highlightsOf(content, parseQuery(q).groups);
	expect(ranges.map(({ start, end }) => chars.slice(start, end).join(""))).toEqual(marked);
});

test("an underscore ends a word for the order of matches, as it does in the index", () => {
	const score = (content: string) => scoreOf(fold(content), parseQuery("case").groups);
	expect(score("snake_case")).toBe(score("snake case"));
	expect(score("snake_cases")).toBe(score("snake cases"));
	expect(score("snakecase")).toBeLessThan(score("snake_cases"));
});

test("highlights are ordered, apart and within the text", () => {
	fc.assert(
		fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary", minLength: 1, maxLength: 3 }), (around, word) => {
			const content = `${around}${word}${around}`;
			let end = 0;
			for (const range of highlightsOf(content, [
				{ all: [{ pieces: [fold(word).text], atStart: false, atEnd: false }], none: [] },
			])) {
				expect(range.start).toBeGreaterThanOrEqual(end);
				expect(range.end).toBeGreaterThan(range.start);
				end = range.end;
			}
			expect(end).toBeLessThanOrEqual(Array.from(content).length);
		}),
	);
});

test.each([
	["short", "a\n b", 0, "a b"],
	["the beginning", `needle ${"hay ".repeat(100)}`, 0, `needle ${"hay ".repeat(37)}hay…`],
	["the end", `${"hay ".repeat(100)}needle`, 400, `…${"hay ".repeat(38)}needle`],
])("a snippet of %s is a line with what was found", (_, content, start, snippet) => {
	expect(snippetOf(content, [{ start, end: start + 6 }])).toBe(snippet);
});

test("a snippet tears no letter apart", () => {
	const family = "👩‍👩‍👧‍👦";
	const snippet = snippetOf(family.repeat(100), [{ start: 350, end: 351 }]);
	expect(snippet.replaceAll(family, "")).toMatch(/^…?…$/);
});
