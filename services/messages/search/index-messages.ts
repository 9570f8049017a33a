import { mapInTurns, searchingTurns } from "../../../lib/turns.ts";
import { statement } from "../../../mixins/database.ts";
import type { NewMessage, Transaction } from "../../../mixins/tail-reader.ts";
import type { LanguagesOf } from "./sender-languages.ts";
import { storedWordsOf } from "./words.ts";

/**
 * Adds messages to the full-text index, in the language of their senders. System messages have no content and no row, nor has what
 * was erased meanwhile.
 *
 * The lock is the one that the trigger of a changed content takes: the contents are read when nobody can change one any more, and the
 * trigger finds the rows that are written here. Before it is taken, the directory is asked.
 */
export async function indexMessages(
	rows: Pick<NewMessage, "conversationId" | "seq">[],
	transaction: Transaction,
	languagesOf: LanguagesOf,
): Promise<void> {
	const keys = [rows.map(({ conversationId }) => conversationId), rows.map(({ seq }) => seq)];
	const senders = await transaction.query<{ sender_id: string }>(sendersStatement, keys);
	if (senders.length === 0) return;
	const languages = await languagesOf(senders.map(({ sender_id }) => sender_id));

	await transaction.query(lockStatement);
	const stored = await transaction.query<StoredMessage>(contentsStatement, keys);
	const indexed = await mapInTurns(searchingTurns, stored, ({ conversation_id, seq, sender_id, content }) => {
		const language = languages.get(sender_id) ?? "simple";
		return { conversation_id, seq, language, ...storedWordsOf(content, language) };
	});
	const withWords = indexed.filter(({ body }) => body !== "");
	if (withWords.length === 0) return;
	await transaction.query(insertStatement, [
		withWords.map(({ conversation_id }) => conversation_id),
		withWords.map(({ seq }) => seq),
		withWords.map(({ language }) => language),
		withWords.map(({ body }) => body),
		withWords.map(({ accented }) => accented),
	]);
}

interface StoredMessage {
	conversation_id: string;
	seq: number;
	sender_id: string;
	content: string;
}

const withContents = `
	from unnest($1::uuid[], $2::bigint[]) as n (conversation_id, seq) join messages m using (conversation_id, seq)
	where m.content is not null`;

const sendersStatement = statement("search.senders", `select distinct m.sender_id ${withContents}`);

const contentsStatement = statement("search.contents", `select conversation_id, seq, m.sender_id, m.content ${withContents}`);

const lockStatement = statement("search.lock", "select pg_advisory_xact_lock(hashtextextended('message_search', 0))");

const insertStatement = statement(
	"search.index",
	`insert into message_search (conversation_id, seq, language, body, accented)
	select * from unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[])
	on conflict do nothing`,
);
