import type { Redis } from "ioredis";
import { LRUCache } from "lru-cache";
import type { Logger } from "moleculer";
import { isDataException } from "../../lib/sqlstate.ts";
import type { Database } from "../../mixins/database.ts";
import { Summarizer } from "../../mixins/tail/summarize.ts";
import { TotalStore } from "./total-store.ts";
import { sumTotals, totalsSince, type UnreadTotal } from "./unread-total.ts";

/** How long the total of a user is kept up to date after it was asked for, and of how many users at most. */
const keptMs = 600_000;
const maxKept = 1_000;

/** How much a table may grow, in pages, before its BRIN index learns of it: each total looks through what the index does not know. */
const maxNewPages = 64;

/**
 * The unread totals of users, exact at the moment of the question, whatever Redis says or does not say: a saved total is brought up to
 * date from PostgreSQL before it is used (docs/adr/0028).
 */
export class UnreadTotals {
	readonly #db: Database;
	readonly #store: TotalStore;
	readonly #logger: Pick<Logger, "debug" | "warn">;
	readonly #summarizers = [new Summarizer("messages", maxNewPages), new Summarizer("receipts", maxNewPages)];
	/** Users with a saved total that was asked for lately. */
	readonly #kept = new LRUCache<string, true>({ max: maxKept, ttl: keptMs });

	constructor(db: Database, redis: Redis, logger: Pick<Logger, "debug" | "warn">) {
		this.#db = db;
		this.#store = new TotalStore(redis, logger);
		this.#logger = logger;
	}

	async of(userIds: string[]): Promise<Map<string, UnreadTotal>> {
		const totals = new Map((await this.#fromSaved(userIds)).map((total) => [total.userId, total]));
		const missing = userIds.filter((userId) => !totals.has(userId));
		if (missing.length > 0) for (const total of await sumTotals(this.#db, missing)) totals.set(total.userId, total);
		this.#keep([...totals.values()]);
		return totals;
	}

	/** Brings the saved totals of the last minutes up to date, so that the next question finds little that is new. */
	async refresh(): Promise<void> {
		const kept = [...this.#kept.keys()];
		if (kept.length === 0) return;
		for (const summarizer of this.#summarizers) await summarizer.summarize(this.#db);
		await this.#save(await this.#fromSaved(kept));
	}

	async #fromSaved(userIds: string[]): Promise<UnreadTotal[]> {
		const saved = await this.#store.read(userIds);
		if (saved.size === 0) return [];
		try {
			return await totalsSince(this.#db, saved);
		} catch (error) {
			if (!isDataException(error)) throw error;
			this.#logger.warn("A saved unread total is unreadable, the totals are summed:", error);
			return [];
		}
	}

	/** Nobody waits for Redis to have it. */
	#keep(totals: UnreadTotal[]): void {
		for (const { userId, saved } of totals) if (saved !== null) this.#kept.set(userId, true);
		void this.#save(totals);
	}

	#save(totals: UnreadTotal[]): Promise<void> {
		return this.#store.write(totals.flatMap(({ userId, saved }) => (saved === null ? [] : [[userId, saved] as const])));
	}
}
