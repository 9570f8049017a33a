import type { Language } from "./languages.ts";
import type { Group, Query, Term } from "./query.ts";
import { both, either, lexemesQuery } from "./tsquery.ts";

/** The lexemes of a term. A word may have several, should PostgreSQL divide it. */
export interface TermLexemes {
	/** As whole words. Empty for a term that does not stand for whole words. */
	words: string[];
	/** The stems of the variants of its word, in each language that has some. */
	stems: { language: Language; variants: string[][] }[];
}

/** What the full-text index is asked for, as tsqueries. */
export interface IndexQueries {
	/** Each term as a whole word or as one of its forms. Of any language: a message may be found by the form of another one. */
	any: string;
	/**
	 * `any` in parts that have no message in common, the best first: all terms as whole words, one as a form, two, and so on. The last
	 * one has what is left. With alternatives, a message may have the words of one of them and yet match by another one only, because
	 * the words of a phrase stand apart, or because a word is there that must not. Then its text tells how well it answers.
	 */
	tiers: string[];
	/** Whether the messages of a tier answer equally well. If not, their texts tell which are better. */
	areUniform: boolean;
	/** Whether each match has a word that few messages of all have. */
	isRare: boolean;
}

/** The most words that a tier may name: each way to choose the forms names all. Where it takes more, the tier before is the last one. */
const maxTierWords = 64;

/** Null for a query that is left to signatures: one with a filter that only they know, or with a term that is no whole word. */
export function indexQueries(
	{ groups, filters }: Query,
	lexemes: Map<Term, TermLexemes>,
	frequent: ReadonlySet<string>,
): IndexQueries | null {
	if (filters.from === "me" || filters.image || filters.link) return null;
	const alternatives = groups.map(({ all }) => all.map((term) => lexemes.get(term) ?? { words: [], stems: [] }));
	if (alternatives.some((all) => all.length === 0 || all.some(({ words }) => words.length === 0))) return null;
	const any = either(alternatives.map((all) => both(all.map(wordOrForm))));
	return {
		any,
		tiers: tiersOf(alternatives, any),
		areUniform: alternatives.every((all) => all.length === 1) && (groups.length === 1 || groups.every(isAnswered)),
		isRare: alternatives.every((all) => all.some((term) => !lexemesOf(term).some((lexeme) => frequent.has(lexeme)))),
	};
}

/** Whether the words alone tell that a message matches: no word is unwanted, and none must follow another one. */
const isAnswered = ({ all, none }: Group) => none.length === 0 && all.every(({ pieces }) => pieces.length === 1);

const lexemesOf = ({ words, stems }: TermLexemes) => [...words, ...stems.flatMap(({ variants }) => variants.flat())];

function tiersOf(alternatives: TermLexemes[][], any: string): string[] {
	const tiers: string[] = [];
	const most = Math.max(...alternatives.map((all) => all.filter(hasForms).length));
	let better: string | undefined;
	for (let forms = 0; forms < most && wordCount(alternatives, forms) <= maxTierWords; forms++) {
		const upTo = either(alternatives.map((all) => withForms(all, forms)));
		tiers.push(better === undefined ? upTo : `(${upTo}) & !(${better})`);
		better = upTo;
	}
	return [...tiers, better === undefined ? any : `(${any}) & !(${better})`];
}

const hasForms = ({ stems }: TermLexemes) => stems.length > 0;

/** All of these, at most so many of them as forms. */
function withForms(all: TermLexemes[], forms: number): string {
	const choices = combinations(all.filter(hasForms), forms).map((formed) =>
		both(all.map((term) => (formed.includes(term) ? wordOrForm(term) : lexemesQuery(term.words, "A")))),
	);
	return either(choices);
}

const wordOrForm = ({ words, stems }: TermLexemes) =>
	stems.length === 0
		? lexemesQuery(words, "A")
		: either([lexemesQuery(words), ...stems.flatMap(({ variants }) => variants.map((stem) => lexemesQuery(stem)))]);

/** All ways to choose so many of them; all of them where there are no more. */
function combinations<Item>(items: Item[], size: number): Item[][] {
	if (items.length <= size) return [items];
	if (size === 0) return [[]];
	const [first, ...others] = items as [Item, ...Item[]];
	return [...combinations(others, size - 1).map((chosen) => [first, ...chosen]), ...combinations(others, size)];
}

function wordCount(alternatives: TermLexemes[][], forms: number): number {
	return alternatives.reduce((sum, all) => sum + all.length * binomial(all.filter(hasForms).length, forms), 0);
}

function binomial(n: number, k: number): number {
	return k > n ? 1 : Array.from({ length: k }, (_, i) => (n - i) / (i + 1)).reduce((product, factor) => product * factor, 1);
}
