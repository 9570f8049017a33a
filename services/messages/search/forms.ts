import { foldText } from "../../../lib/fold.ts";
import type { Database } from "../../../mixins/database.ts";
import { frequentLexemes } from "./frequent-lexemes.ts";
import { type Language, languages } from "./languages.ts";
import { lexemesOf, type Reading } from "./lexemes.ts";
import type { Query, Term } from "./query.ts";
import { type IndexQueries, indexQueries, type TermLexemes } from "./tiers.ts";
import { either, lexemesQuery } from "./tsquery.ts";
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
			stemsOf(term).map(({ language, variants }) => ({
				language,
				term: i,
				query: either(variants.map((stem) => lexemesQuery(stem, "D"))),
			})),
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
		index: indexQueries(query, lexemes, await frequentLexemes(db)),
	};
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
