import { type Database, statement } from "../database.ts";
import type { SourceName } from "./sources.ts";

/** How much a table may grow, in pages of 8 KB, before the new part is summarized: as much is read in vain by every look. */
const defaultMaxNewPages = 1_024;

/**
 * Keeps the BRIN index of a table up to date. A look reads all pages that the index does not know yet. PostgreSQL adds them by
 * itself, but only when autovacuum comes by, which is once a minute: too late while thousands of messages a second are stored.
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
			// A vacuum, which summarizes too, or another node. Who waits longer for a vacuum ends it.
			if ((error as { code?: unknown }).code !== lockNotAvailable) throw error;
		}
	}
}

const lockNotAvailable = "55P03";

const pagesStatement = statement("tail.pages", "select pg_relation_size($1::text::regclass) / 8192 as pages");

const lockTimeoutStatement = statement("tail.lockTimeout", "select set_config('lock_timeout', '50ms', true)");

const summarizeStatement = statement("tail.summarize", "select brin_summarize_new_values($1::text::regclass)");
