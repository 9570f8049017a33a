import { foldText } from "../../../lib/fold.ts";
import type { Database } from "../../../mixins/database.ts";
import { type Language, languages } from "./languages.ts";
import { lexemesOf, type Reading } from "./lexemes.ts";
import type { Query, Term } from "./query.ts";
import { variantsOf, wordsOf } from "./words.ts";

/** What a query means to the full-text index. */
export interface QueryForms {
	/** Those terms that are also found by their forms. */
	terms: Term[];
	/** For each language that has them, the stems of a term of `terms`, as a tsquery. */
	stems: { language: Language; term: number; query: string }[];
	/** Part of the word that most of its forms have too. Signatures are compared with it where forms count. */
	shared: Map<Term, string>;
	/** Null: the index alone cannot say which messages have whole words or forms for all of the query's terms. */
	index: IndexQueries | null;
}

/** As tsqueries. */
export interface IndexQueries {
	/** Each term as a whole word. */
	exact: string;
	/** Each term as a whole word or as one of its forms. Of any language: a message may be found by the form of another one. */
	any: string;
}

/**
 * Words are passed to PostgreSQL one by one, and their lexemes come back quoted in a tsquery: nothing of what was typed is ever read
 * as one. The stems of all languages are asked for at once; a query has 32 words at the most.
 */
export async function formsOf(db: Database, query: Query): Promise<QueryForms> {
	const all = query.groups.flatMap((group) => group.all);
	const lexemes = await termLexemes(db, all);
	const terms = all.filter(({ word }) => word !== undefined);
	const stemsOf = (term: Term) => lexemes.get(term)?.stems ?? [];
	return {
		terms,
		stems: terms.flatMap((term, i) =>
			stemsOf(term).map(({ language, variants }) => ({ language, term: i, query: or(variants.map((stem) => and(stem, "D"))) })),
		),
		shared: new Map(
			terms.map((term) => [
				term,
				sharedPart(
					term.pieces.join(),
					stemsOf(term).flatMap(({ variants }) => variants.flat()),
				),
			]),
		),
		index: indexQueries(query, lexemes),
	};
}

/** The lexemes of a term. A word may have several, should PostgreSQL divide it. */
interface TermLexemes {
	/** As whole words. Empty for a term that does not stand for whole words. */
	words: string[];
	/** The stems of the variants of its word, in each language that has some. */
	stems: { language: Language; variants: string[][] }[];
}

async function termLexemes(db: Database, terms: Term[]): Promise<Map<Term, TermLexemes>> {
	const readings = terms.flatMap((term): (Reading & { term: Term })[] => [
		...wholeWords(term).map((word) => ({ term, language: "simple" as const, word })),
		...formLanguages.flatMap((language) => variants(term, language).map((word) => ({ term, language, word }))),
	]);
	const lexemes = await lexemesOf(db, readings);
	const read = readings.map((reading, i) => ({ ...reading, lexemes: lexemes[i] ?? [] }));
	return new Map(
		terms.map((term) => {
			const own = read.filter((reading) => reading.term === term && reading.lexemes.length > 0);
			const of = (language: Language) => own.filter((reading) => reading.language === language).map(({ lexemes }) => lexemes);
			const stems = formLanguages.map((language) => ({ language, variants: of(language) }));
			return [term, { words: of("simple").flat(), stems: stems.filter(({ variants }) => variants.length > 0) }];
		}),
	);
}

const formLanguages = languages.filter((language) => language !== "simple");
const variants = ({ word }: Term, language: Language) => (word === undefined ? [] : variantsOf(word, language));

/** The words that a message must have as such, or as forms: of a word with forms, of a phrase, of a short word. */
function wholeWords({ word, pieces, atStart, atEnd }: Term): string[] {
	if (word === undefined && !(atStart && atEnd)) return [];
	return pieces.flatMap((piece) => wordsOf(piece)).map(({ word }) => word);
}

/** A query with a filter that signatures have is left to them, since the index would bring all that the filter takes away. */
function indexQueries({ groups, filters }: Query, lexemes: Map<Term, TermLexemes>): IndexQueries | null {
	if (filters.from === "me" || filters.image || filters.link) return null;
	const alternatives = groups.map(({ all }) => all.map((term) => lexemes.get(term) ?? { words: [], stems: [] }));
	if (alternatives.some((all) => all.length === 0 || all.some(({ words }) => words.length === 0))) return null;
	const wordOrForm = ({ words, stems }: TermLexemes) =>
		or([and(words), ...stems.flatMap(({ variants }) => variants.map((stem) => and(stem)))]);
	return {
		exact: or(alternatives.map((all) => both(all.map(({ words }) => and(words, "A"))))),
		any: or(alternatives.map((all) => both(all.map(wordOrForm)))),
	};
}

/** A tsquery of all these lexemes, with this weight. */
const and = (lexemes: string[], weight?: "A" | "D") =>
	both(lexemes.map((lexeme) => `'${lexeme.replaceAll("\\", "\\\\").replaceAll("'", "''")}'${weight ? `:${weight}` : ""}`));

const both = (queries: string[]) => queries.map((query) => `(${query})`).join(" & ");
const or = (queries: string[]) => [...new Set(queries)].map((query) => `(${query})`).join(" | ");

/**
 * A stemmer may change the last letter of a stem (apply, applied) and take a beginning away (Arabic articles). A part of less than three
 * letters has no bits in a signature, so stems that leave less are left out.
 */
const minPartLength = 3;

function sharedPart(word: string, stems: string[]): string {
	return stems.reduce((shared, lexeme) => {
		const folded = foldText(lexeme);
		const stem = folded.slice(0, Math.max(folded.length - 1, minPartLength));
		const part = shared.includes(stem) ? stem : commonStart(shared, stem);
		return part.length < minPartLength ? shared : part;
	}, word);
}

function commonStart(a: string, b: string): string {
	let length = 0;
	while (length < a.length && a[length] === b[length]) length++;
	return a.slice(0, length);
}
