import { foldText } from "../../../lib/fold.ts";
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
	const { stems, terms } = forms;
	if (stems.length === 0 || messages.length === 0) return new Map();
	const languages = await languagesOf(db, messages);
	const readings = new Map<string, { language: Language; word: string; folded: string }>();
	for (const { conversationId, seq, content } of messages) {
		const language = languages.get(`${conversationId} ${seq}`);
		if (!language || language === "simple" || content === null) continue;
		for (const { word } of wordsOf(content.normalize("NFC"))) {
			for (const variant of variantsOf(word, language)) {
				if (readings.size < maxWords) readings.set(`${language} ${variant}`, { language, word: variant, folded: foldText(word) });
			}
		}
	}
	const read = [...readings.values()];
	const found = await db.query<{ n: number; term: number }>(formsStatement, [
		read.map(({ language }) => language),
		read.map(({ word }) => word),
		stems.map(({ language }) => language),
		stems.map(({ term }) => term),
		stems.map(({ query }) => query),
	]);
	const byLanguage = new Map<string, Map<Term, Set<string>>>();
	for (const { n, term } of found) {
		const { language, folded } = read[n - 1] as (typeof read)[number];
		const words = byLanguage.get(language) ?? new Map<Term, Set<string>>();
		byLanguage.set(language, words);
		const key = terms[term] as Term;
		words.set(key, (words.get(key) ?? new Set()).add(folded));
	}
	return new Map(
		messages.map((message) => {
			const language = languages.get(`${message.conversationId} ${message.seq}`) ?? "simple";
			return [message, ownForms(message, byLanguage.get(language))];
		}),
	);
}

/** Those terms that this message has as a form, of all that messages in its language have. */
function ownForms({ content }: Message, forms: FoundForms | undefined): FoundForms {
	if (!forms || content === null) return new Map();
	const words = new Set(wordsOf(foldText(content)).map(({ word }) => word));
	return new Map([...forms].filter(([, found]) => [...found].some((word) => words.has(word))));
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
