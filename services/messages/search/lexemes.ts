import { type Database, statement } from "../../../mixins/database.ts";
import type { Language } from "./languages.ts";

/** A word as it is read in a language. */
export interface Reading {
	language: Language;
	word: string;
}

/** Lexemes of words that were asked for before. They depend on nothing but the word and the language. */
const known = new Map<string, string[]>();
const maxKnown = 20_000;

const keyOf = ({ language, word }: Reading) => `${language} ${word}`;

/** What PostgreSQL makes of words: the stem, or nothing for a stop word. In order. */
export async function lexemesOf(db: Database, readings: Reading[]): Promise<string[][]> {
	const unknown = [...new Map(readings.map((reading) => [keyOf(reading), reading])).values()].filter(
		(reading) => !known.has(keyOf(reading)),
	);
	const rows = unknown.length > 0 ? await readLexemes(db, unknown) : [];
	const read = new Map(unknown.map((reading, i) => [keyOf(reading), rows[i]?.lexemes ?? []]));
	const answers = readings.map((reading) => read.get(keyOf(reading)) ?? known.get(keyOf(reading)) ?? []);
	if (known.size + read.size > maxKnown) known.clear();
	for (const [key, lexemes] of read) known.set(key, lexemes);
	return answers;
}

function readLexemes(db: Database, readings: Reading[]): Promise<{ lexemes: string[] }[]> {
	return db.query(lexemesStatement, [readings.map(({ language }) => language), readings.map(({ word }) => word)]);
}

const lexemesStatement = statement(
	"search.lexemes",
	`select tsvector_to_array(to_tsvector(('pg_catalog.' || language)::regconfig, word)) as lexemes
	from unnest($1::text[], $2::text[]) with ordinality as w (language, word, n) order by n`,
);
