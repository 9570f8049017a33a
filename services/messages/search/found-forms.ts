import { foldText } from "../../../lib/fold.ts";
import { mapInTurns, searchingTurns } from "../../../lib/turns.ts";
import { type Database, statement } from "../../../mixins/database.ts";
import type { Message } from "../messages.contract.ts";
import type { QueryForms } from "./forms.ts";
import type { Language } from "./languages.ts";
import type { FoundForms } from "./match.ts";
import type { Term } from "./query.ts";
import { variantsOf, wordsOf } from "./words.ts";

/** So many different words of a page are looked at. It is more than a page of ordinary messages has. */
const maxWords = 5_000;

/** Which words of each message are forms of the query's terms, in the language that the message was indexed in. */
export async function foundForms(db: Database, forms: QueryForms, messages: Message[]): Promise<Map<Message, FoundForms>> {
	if (forms.stems.length === 0 || messages.length === 0) return new Map();
	const languages = await languagesOf(db, messages);
	const texts = await mapInTurns(searchingTurns, messages, (message) => {
		const language = languages.get(`${message.conversationId} ${message.seq}`) ?? "simple";
		return { message, language, words: language === "simple" ? [] : wordsOf(message.content ?? "").map(({ word }) => word) };
	});
	const readings = new Map<string, WordReading>();
	for (const { language, words } of texts) {
		const turn = searchingTurns.next();
		if (turn) await turn;
		addReadings(readings, language, words);
	}
	const found = await readForms(db, forms, [...readings.values()]);
	return new Map(texts.map(({ message, language, words }) => [message, ownForms(words, found.get(language))]));
}

/** A word of a page in one of its variants. */
interface WordReading {
	language: Language;
	/** As it stands in the message. */
	typed: string;
	variant: string;
}

function addReadings(readings: Map<string, WordReading>, language: Language, words: string[]): void {
	for (const typed of words) {
		if (readings.size >= maxWords) return;
		for (const variant of variantsOf(typed, language))
			readings.set(`${language} ${typed} ${variant}`, { language, typed, variant });
	}
}

type FormsOfWord = Map<string, Set<Term>>;

/** By language and word: the terms that the word is a form of. */
async function readForms(db: Database, { stems, terms }: QueryForms, readings: WordReading[]): Promise<Map<string, FormsOfWord>> {
	const rows = await db.query<{ n: number; term: number }>(formsStatement, [
		readings.map(({ language }) => language),
		readings.map(({ variant }) => variant),
		stems.map(({ language }) => language),
		stems.map(({ term }) => term),
		stems.map(({ query }) => query),
	]);
	const found = new Map<string, FormsOfWord>();
	for (const { n, term } of rows) {
		const { language, typed } = readings[n - 1] as WordReading;
		const words: FormsOfWord = found.get(language) ?? new Map();
		words.set(typed, (words.get(typed) ?? new Set()).add(terms[term] as Term));
		found.set(language, words);
	}
	return found;
}

/** The forms among the words of one message, folded as its text is. */
function ownForms(words: string[], forms: FormsOfWord | undefined): FoundForms {
	const own = new Map<Term, Set<string>>();
	for (const word of new Set(forms ? words : [])) {
		for (const term of forms?.get(word) ?? []) own.set(term, (own.get(term) ?? new Set()).add(foldText(word)));
	}
	return own;
}

async function languagesOf(db: Database, messages: Message[]): Promise<Map<string, Language>> {
	const rows = await db.query<{ conversation_id: string; seq: number; language: Language }>(languagesStatement, [
		messages.map(({ conversationId }) => conversationId),
		messages.map(({ seq }) => seq),
	]);
	return new Map(rows.map(({ conversation_id, seq, language }) => [`${conversation_id} ${seq}`, language]));
}

const languagesStatement = statement(
	"search.languages",
	`select s.conversation_id, s.seq, s.language
	from unnest($1::uuid[], $2::bigint[]) as n (conversation_id, seq) join message_search s using (conversation_id, seq)`,
);

const formsStatement = statement(
	"search.forms",
	`select w.n::int, a.term
	from unnest($1::text[], $2::text[]) with ordinality as w (language, word, n)
	cross join lateral (select to_tsvector(('pg_catalog.' || w.language)::regconfig, w.word) as stem offset 0) as s
	join unnest($3::text[], $4::int[], $5::tsquery[]) as a (language, term, query) on a.language = w.language and s.stem @@ a.query`,
);
