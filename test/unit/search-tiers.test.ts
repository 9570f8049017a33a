import { parseQuery, type Term } from "../../services/messages/search/query.ts";
import { indexQueries, type TermLexemes } from "../../services/messages/search/tiers.ts";

/** A word whose stem in each language is the same, but not the word. */
function lexemesOf({ pieces, word }: Term): TermLexemes {
	const stem = `${pieces.join()}~`;
	return { words: pieces, stems: word === undefined ? [] : [{ language: "english", variants: [[stem]] }] };
}

function queriesOf(q: string, frequent: string[] = []) {
	const query = parseQuery(q);
	const terms = query.groups.flatMap(({ all }) => all);
	return indexQueries(query, new Map(terms.map((term) => [term, lexemesOf(term)])), new Set(frequent));
}

const words = (count: number) => Array.from({ length: count }, (_, i) => `word${i}`).join(" ");

test.each([
	[1, 2],
	[2, 3],
	[5, 6],
	[6, 3],
	[8, 3],
	[9, 2],
	[32, 2],
])("a query of %d words has %d tiers, none of them long", (count, tiers) => {
	const queries = queriesOf(words(count));
	expect(queries?.tiers).toHaveLength(tiers);
	expect(Math.max(...(queries?.tiers.map(({ length }) => length) ?? []))).toBeLessThan(5_000);
});

test("eight alternatives of four words have tiers that are not long", () => {
	const queries = queriesOf(Array.from({ length: 8 }, () => words(4)).join(" or "));
	expect(queries?.tiers).toHaveLength(2);
	expect(Math.max(...(queries?.tiers.map(({ length }) => length) ?? []))).toBeLessThan(5_000);
});

test("the first tier has whole words, each tier leaves out those before, the last one has the rest", () => {
	expect(queriesOf('"one"')?.tiers).toEqual([queriesOf('"one"')?.any]);
	const [whole, rest, ...others] = queriesOf("one")?.tiers ?? [];
	expect(others).toEqual([]);
	expect(whole).toBe("(((('one':A))))");
	expect(rest).toBe(`(${queriesOf("one")?.any}) & !(${whole})`);
});

test.each([
	["one", true],
	["one or two", true],
	["one two", false],
	['one or "two three"', false],
	["one -two", true],
	["one -two or three", false],
])("the matches of a tier of %j answer equally well: %p", (q, areUniform) => {
	expect(queriesOf(q)?.areUniform).toBe(areUniform);
});

test.each([
	["one two", ["one"], true],
	["one two", ["one", "two~"], false],
	["one or two", ["one"], false],
	["one", [], true],
])("each match of %j has a rare word where %j are frequent: %p", (q, frequent, isRare) => {
	expect(queriesOf(q, frequent)?.isRare).toBe(isRare);
});

test.each(["one from:me", "one has:link", "one or -two", "-one"])("%j is left to signatures", (q) => {
	expect(queriesOf(q)).toBeNull();
});
