import { type Database, statement } from "../../../mixins/database.ts";

/** From which share of all messages on a lexeme is frequent. To find 1 of 100 takes the full-text index 0.2 ms a conversation. */
const minShare = 0.01;

/** How long what was read is used. */
const maxAgeMs = 600_000;

const known = new WeakMap<Database, { lexemes: Promise<ReadonlySet<string>>; readMs: number }>();

/**
 * The lexemes that PostgreSQL's statistics say are frequent. They decide how matches are looked for, never which ones are found. Before the
 * table was analyzed there are none.
 */
export function frequentLexemes(db: Database): Promise<ReadonlySet<string>> {
	const last = known.get(db);
	if (last && performance.now() - last.readMs < maxAgeMs) return last.lexemes;
	const lexemes = read(db);
	known.set(db, { lexemes, readMs: performance.now() });
	// The next search tries again.
	lexemes.catch(() => known.delete(db));
	return lexemes;
}

async function read(db: Database): Promise<ReadonlySet<string>> {
	const rows = await db.query<{ lexeme: string }>(frequentStatement, [minShare]);
	return new Set(rows.map(({ lexeme }) => lexeme));
}

const frequentStatement = statement(
	"search.frequent",
	`select e.lexeme
	from pg_stats s cross join lateral unnest(s.most_common_elems::text::text[], s.most_common_elem_freqs) as e (lexeme, share)
	where s.schemaname = current_schema() and s.tablename = 'message_search' and s.attname = 'search_text' and e.share >= $1::float8
		and e.lexeme is not null`,
);
