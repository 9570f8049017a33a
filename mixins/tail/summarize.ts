import { sqlState, sqlStateOf } from "../../lib/sqlstate.ts";
import { type Database, statement } from "../database.ts";
import type { SourceName } from "./sources.ts";

/** How much a table grows, in pages of 8 KB, before the new part is summarized. Every look reads all of the new part. */
const defaultMaxNewPages = 1_024;

/**
 * Keeps the BRIN index of a table up to date. A look reads all pages that the index does not know yet. Autovacuum adds them, but only
 * once a minute. At 7,000 messages a second these are 10,000 pages, and a look takes 100 ms instead of 1 ms.
 */
export class Summarizer {
	readonly #table: SourceName;
	readonly #maxNewPages: number;
	#pages = 0;

	constructor(table: SourceName, maxNewPages = defaultMaxNewPages) {
		this.#table = table;
		this.#maxNewPages = maxNewPages;
	}

	async summarize(db: Database): Promise<void> {
		const [size] = await db.query<{ pages: number }>(pagesStatement, [this.#table]);
		const pages = size?.pages ?? 0;
		if (pages - this.#pages < this.#maxNewPages) return;
		try {
			await db.transaction(async (transaction) => {
				await transaction.query(lockTimeoutStatement);
				await transaction.query(summarizeStatement, [`${this.#table}_created_xid`]);
			});
			this.#pages = pages;
		} catch (error) {
			// A vacuum or another node is summarizing. A longer wait would make PostgreSQL cancel an autovacuum.
			if (sqlStateOf(error) !== sqlState.lockNotAvailable) throw error;
		}
	}
}

const pagesStatement = statement("tail.pages", "select pg_relation_size($1::text::regclass) / 8192 as pages");

const lockTimeoutStatement = statement("tail.lockTimeout", "select set_config('lock_timeout', '50ms', true)");

const summarizeStatement = statement("tail.summarize", "select brin_summarize_new_values($1::text::regclass)");
