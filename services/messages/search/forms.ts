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
export async function formsOf(db: Database, { groups, filters }: Query): Promise<QueryForms> {
	const all = groups.flatMap((group) => group.all);
	const terms = all.filter(({ word }) => word !== undefined);
	const lexemes = await readLexemes(db, all, terms);

	const exact = new Map(all.filter(isWhole).map((term) => [term, and(exactWords(term).map((word) => lexemes("simple", word)))]));
	const stems = terms.flatMap((term, i) =>
		languages
			.filter((language) => language !== "simple")
			.map((language) => ({ language, term: i, parts: stemsOf(term, language).map((word) => lexemes(language, word)) })),
	);
	const stemsByTerm = terms.map((_, i) => stems.filter(({ term }) => term === i).flatMap(({ parts }) => parts));
	const any = (term: Term) => or([exact.get(term) ?? "", ...(stemsByTerm[terms.indexOf(term)] ?? []).map((one) => and([one]))]);
	const isIndexed = groups.every(({ all }) => all.length > 0 && all.every((term) => exact.get(term)));
	const isFiltered = filters.from === "me" || filters.image === true || filters.link === true;

	return {
		terms,
		stems: stems.flatMap(({ language, term, parts }) => {
			const query = or(parts.map((one) => and([one], "D")));
			return query === "" ? [] : { language, term, query };
		}),
		shared: new Map(terms.map((term, i) => [term, sharedPart(term.pieces.join(), stemsByTerm[i] ?? [])])),
		index:
			isIndexed && !isFiltered
				? {
						exact: or(
							groups.map(({ all }) =>
								conjunction(
									all.map((term) =>
										and(
											exactWords(term).map((word) => lexemes("simple", word)),
											"A",
										),
									),
								),
							),
						),
						any: or(groups.map(({ all }) => conjunction(all.map(any)))),
					}
				: null,
	};
}

/** Reads the lexemes of all words at once; what it resolves to tells those of one. */
async function readLexemes(db: Database, all: Term[], terms: Term[]) {
	const readings: Reading[] = [
		...all.flatMap((term) => (isWhole(term) ? exactWords(term).map((word) => ({ language: "simple" as const, word })) : [])),
		...terms.flatMap((term) => languages.flatMap((language) => stemsOf(term, language).map((word) => ({ language, word })))),
	];
	const found = await lexemesOf(db, readings);
	const byKey = new Map(readings.map(({ language, word }, i) => [`${language} ${word}`, found[i] ?? []]));
	return (language: Language, word: string) => byKey.get(`${language} ${word}`) ?? [];
}

/** Whether a term stands for whole words, in messages that have it as such: a word with forms, a phrase, a short word. */
const isWhole = ({ word, atStart, atEnd }: Term) => word !== undefined || (atStart && atEnd);

const exactWords = ({ pieces }: Term) => pieces.flatMap((piece) => wordsOf(piece)).map(({ word }) => word);
const stemsOf = ({ word }: Term, language: Language) => (word === undefined ? [] : variantsOf(word, language));

/** All of these lexemes, with this weight. Empty when there are none. */
function and(lexemes: string[][], weight = ""): string {
	return conjunction(
		lexemes.flat().map((lexeme) => `'${lexeme.replaceAll("\\", "\\\\").replaceAll("'", "''")}'${weight && `:${weight}`}`),
	);
}

const conjunction = (queries: string[]) => queries.map((query) => `(${query})`).join(" & ");
const or = (queries: string[]) =>
	[...new Set(queries)]
		.filter((query) => query !== "")
		.map((query) => `(${query})`)
		.join(" | ");

/** A stemmer may change the last letter of a stem (apply, applied) and take a beginning away (Arabic articles). */
function sharedPart(word: string, stems: string[][]): string {
	return stems.flat().reduce((shared, lexeme) => {
		const stem = foldText(lexeme).slice(0, -1);
		return shared.includes(stem) ? stem : commonStart(shared, stem);
	}, word);
}

function commonStart(a: string, b: string): string {
	let length = 0;
	while (length < a.length && a[length] === b[length]) length++;
	return a.slice(0, length);
}
