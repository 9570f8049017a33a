import fc from "fast-check";
import { fold } from "../../lib/fold.ts";
import { highlightsOf } from "../../services/messages/search/highlights.ts";
import { scoreOf } from "../../services/messages/search/match.ts";
import { parseQuery } from "../../services/messages/search/query.ts";
import { masksOf } from "../../services/messages/search/signature.ts";
import { maxCostMs, quickestMs } from "../support/quickest.ts";
import { filled } from "../support/worst-texts.ts";

const phrase = (piece: string, count: number, last = "b") => `"${`${piece} `.repeat(count)}${last}"`;

test.each([
	["signs after a letter", filled("!", "b"), phrase("!", 31)],
	["a letter again and again", filled("a ", "b "), phrase("a", 31)],
	["a letter after signs", filled("a!!!!!!!!!!!"), phrase("a", 31, "a")],
	["signs between signs", filled("! "), phrase("!", 31, "!")],
	["a long word within one that is longer", filled("a"), `"${"a".repeat(490)}"`],
	["a long word that nearly stands there", filled("a"), `${"a".repeat(490)}b`],
	["solid characters in pieces", filled("日"), phrase("日".repeat(14), 31, "日")],
	["solid characters, which never end right", filled("日"), phrase("日".repeat(14), 31, "本")],
	["solid characters with gaps", filled("日 "), phrase("日", 31, "日")],
	["letters that are eighteen", filled("\ufdfa"), `"${"صلى الله عليه وسلم ".repeat(8)}"`],
	["letters that are six", filled("\u3316"), phrase("キロメートル".repeat(2), 31, "キ")],
	["many words that are not to be there", filled("a!", "b"), `b ${'-"! c" '.repeat(15)}`],
	["many words that follow each other", filled("a !!!!!!!!!!!!!!!!"), "a ".repeat(31)],
	["alternatives", filled("! ", "b"), Array.from({ length: 8 }, () => '"! ! ! b"').join(" or ")],
])("a longest message of %s is searched in no time", (_, content, q) => {
	const { groups } = parseQuery(q);
	const folded = fold(content);
	expect(quickestMs(() => scoreOf(folded, groups))).toBeLessThan(maxCostMs);
	expect(quickestMs(() => highlightsOf(content, groups))).toBeLessThan(maxCostMs);
});

test("any phrase over a text of the same few parts is searched in no time", () => {
	const part = fc
		.array(fc.constantFrom("a", "b", "!", " ", "日", "1", "é"), { minLength: 1, maxLength: 6 })
		.map((some) => some.join(""));
	fc.assert(
		fc.property(part, part, part, fc.nat(30), (before, repeated, searched, count) => {
			let query: ReturnType<typeof parseQuery>;
			try {
				query = parseQuery(`"${`${searched} `.repeat(count)}${before}"`.slice(0, 500));
			} catch {
				return;
			}
			const folded = fold(filled(repeated, before));
			expect(quickestMs(() => scoreOf(folded, query.groups))).toBeLessThan(maxCostMs);
		}),
		{ numRuns: 200 },
	);
});

test.each([
	["quotes", '"'],
	["closing signs before a letter", "!"],
	["dots that are three", "…"],
	["letters that are eighteen", "\ufdfa"],
	["letters that are six", "\u3316"],
	["marks", "\u0301\u0323"],
	["minus signs", "-"],
	["filters", "a:b "],
	["alternatives", "a or "],
	["spaces", "\u3000 "],
])("a longest query of %s is read in no time", (_, part) => {
	const q = `${part.repeat(500)}`.slice(0, 499);
	for (const typed of [`${q}a`, `a${q}`, `"${q}`]) {
		const read = () => {
			try {
				const { groups, filters } = parseQuery(typed);
				return groups.map((group) => masksOf(group, filters, "ada"));
			} catch (error) {
				expect(error).toMatchObject({ type: "VALIDATION_FAILED" });
				return [];
			}
		};
		expect(quickestMs(read)).toBeLessThan(maxCostMs);
	}
});

test("the pieces of a phrase count as words", () => {
	expect(() => parseQuery(phrase("a", 31))).not.toThrow();
	expect(() => parseQuery(phrase("!", 248, ""))).toThrow(expect.objectContaining({ type: "VALIDATION_FAILED" }));
	expect(() => parseQuery(`${phrase("a", 20)} ${phrase("c", 20)}`)).toThrow(
		expect.objectContaining({ type: "VALIDATION_FAILED" }),
	);
});
