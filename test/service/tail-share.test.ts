import type { Database } from "../../mixins/database.ts";
import { TailReader } from "../../mixins/tail-reader.ts";
import { until } from "../../testing/until.ts";
import type { TestDatabase } from "../support/database.ts";
import { createTailDatabase, openNode, recordEffects, Writer } from "../support/tail.ts";

let database: TestDatabase;
let db: Database;
let writer: Writer;

beforeAll(async () => {
	database = await createTailDatabase();
	db = openNode(database.url);
	writer = await Writer.connect(database.url);
});

afterAll(async () => {
	await writer.end();
	await db.close();
	await database.drop();
});

test("a consumer that is behind leaves the share of time that it may not use, and ends in the middle of a rest", async () => {
	const [workMs, restMs]: [number[], number[]] = [[], []];
	let endedMs: number | undefined;
	const reader = new TailReader(
		db,
		{ warn: () => {} },
		{
			name: "share",
			source: "messages",
			maxRows: 5,
			maxShare: 0.25,
			async work(rows, transaction) {
				const startedMs = performance.now();
				if (endedMs !== undefined) restMs.push(startedMs - endedMs);
				await new Promise((resolve) => setTimeout(resolve, 100));
				await recordEffects("share", rows, transaction);
				endedMs = performance.now();
				workMs.push(endedMs - startedMs);
			},
		},
	);
	await writer.insert(1_000);
	reader.start();
	await until(() => restMs.length >= 4, { timeoutMs: 20_000 });
	const sum = (times: number[]) => times.reduce((total, ms) => total + ms, 0);
	// Three times as long as the batches before; the transaction around the work only makes it longer.
	expect(sum(restMs.slice(0, 4))).toBeGreaterThan(2.9 * sum(workMs.slice(0, 4)));
	const stoppingMs = performance.now();
	await reader.stop();
	expect(performance.now() - stoppingMs).toBeLessThan(5_000);
});
