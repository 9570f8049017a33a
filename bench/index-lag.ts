import { setTimeout as sleep } from "node:timers/promises";
import { Database } from "../mixins/database.ts";
import { type Lag, lagOf } from "../mixins/tail/lag.ts";

/** How far the full-text index was behind when the load ended, and how it caught up. */
export interface IndexLag extends Lag {
	/** From the end of the load. */
	readonly waitedMs: number;
	/** Messages that were not indexed after this time. 0 when it had caught up. */
	readonly left: number;
}

const consumer = "search";
const timeoutMs = 120_000;
const pollMs = 200;

/** Measures the lag now, and then waits until the index has caught up, two minutes at most. */
export async function measureIndexLag(databaseUrl: string): Promise<IndexLag> {
	const startedMs = performance.now();
	const db = new Database(databaseUrl, () => {});
	const lag = async (maxRows: number): Promise<Lag> => {
		const found = await lagOf(db, consumer, maxRows);
		if (!found) throw new Error(`there is no consumer ${consumer}`);
		return found;
	};
	try {
		const { rows, seconds } = await lag(Number.MAX_SAFE_INTEGER);
		let waitedMs = 0;
		do {
			await sleep(pollMs);
			waitedMs = performance.now() - startedMs;
			if ((await lag(1)).rows === 0) return { rows, seconds, waitedMs, left: 0 };
		} while (waitedMs < timeoutMs);
		return { rows, seconds, waitedMs, left: (await lag(Number.MAX_SAFE_INTEGER)).rows };
	} finally {
		await db.close();
	}
}
