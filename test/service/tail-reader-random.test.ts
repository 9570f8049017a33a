import fc from "fast-check";
import type { Database } from "../../mixins/database.ts";
import { ReadAhead } from "../../mixins/tail/read-ahead.ts";
import { workBatch } from "../../mixins/tail/work-batch.ts";
import { until } from "../../testing/until.ts";
import { query, type TestDatabase } from "../support/database.ts";
import { createTailDatabase, effectCounts, openNode, recordEffects, strayEffects, Writer } from "../support/tail.ts";

jest.setTimeout(120_000);

let database: TestDatabase;
let nodes: Database[];
let writers: Writer[];

beforeAll(async () => {
	database = await createTailDatabase();
	nodes = [openNode(database.url), openNode(database.url)];
	writers = await Promise.all([0, 1, 2].map(() => Writer.connect(database.url)));
});

afterAll(async () => {
	await Promise.all(writers.map((writer) => writer.end()));
	await Promise.all(nodes.map((node) => node.close()));
	await database.drop();
});

const writer = fc.nat(2);
const step = fc.oneof(
	{ weight: 4, arbitrary: fc.record({ kind: fc.constant("insert" as const), writer, count: fc.integer({ min: 1, max: 12 }) }) },
	{ weight: 2, arbitrary: fc.record({ kind: fc.constant("commit" as const), writer }) },
	{ weight: 1, arbitrary: fc.record({ kind: fc.constant("rollback" as const), writer }) },
	// A number that is used for something else.
	{ weight: 1, arbitrary: fc.record({ kind: fc.constant("other" as const), count: fc.integer({ min: 1, max: 8 }) }) },
	{
		weight: 4,
		arbitrary: fc.record({ kind: fc.constant("work" as const), node: fc.nat(1), maxRows: fc.integer({ min: 1, max: 8 }) }),
	},
	{ weight: 2, arbitrary: fc.record({ kind: fc.constant("crash" as const), node: fc.nat(1), isAfterEffect: fc.boolean() }) },
	// A new process has read nothing ahead.
	{ weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const), node: fc.nat(1) }) },
);
const limits = fc.record({ rows: fc.integer({ min: 1, max: 9 }), firstWidth: fc.bigInt({ min: 3n, max: 9n }) });

let run = 0;

test("whatever is committed or rolled back in whatever order, by whatever nodes it is worked: each message once in effect", async () => {
	await fc.assert(
		fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), limits, async (steps, readLimits) => {
			await query(database.url, "truncate messages, effects");
			const name = `random ${run++}`;
			const newAhead = () => new ReadAhead<"messages">("messages", readLimits);
			const aheads = [newAhead(), newAhead()];
			const isOpen = [false, false, false];
			const work = (node: number, maxRows: number, crash?: { isAfterEffect: boolean }) =>
				workBatch(
					nodes[node] as Database,
					{
						name,
						source: "messages",
						from: "beginning",
						maxRows,
						maxBytes: 1_000,
						async work(rows, transaction) {
							if (crash?.isAfterEffect === false) throw new Crash();
							await recordEffects(name, rows, transaction);
							if (crash) throw new Crash();
						},
					},
					aheads[node] as ReadAhead<"messages">,
				);
			for (const one of steps) {
				switch (one.kind) {
					case "insert": {
						const open = writers[one.writer] as Writer;
						if (!isOpen[one.writer]) await open.begin();
						isOpen[one.writer] = true;
						await open.insert(one.count);
						break;
					}
					case "commit":
					case "rollback":
						await writers[one.writer]?.[one.kind]();
						isOpen[one.writer] = false;
						break;
					case "other":
						for (let n = 0; n < one.count; n++) await query(database.url, "select pg_current_xact_id()");
						break;
					case "work":
						await work(one.node, one.maxRows);
						break;
					case "crash":
						await work(one.node, 5, one).catch((error: unknown) => {
							if (!(error instanceof Crash)) throw error;
						});
						break;
					case "restart":
						aheads[one.node] = newAhead();
				}
			}
			for (const [i, open] of writers.entries()) if (isOpen[i]) await open.commit();
			const committed = (await query(database.url, "select from messages")).length;
			let next = 0;
			// Transactions of other databases on the same server may hold it back for a while.
			await until(async () => {
				while ((await work(next++ % 2, 7)) === "worked");
				const counts = await effectCounts(database.url, name);
				expect(counts.filter((count) => count > 1)).toEqual([]);
				expect(counts).toEqual(committed === 0 ? [] : [1]);
				return true;
			});
			expect(await strayEffects(database.url)).toBe(0);
		}),
		{ numRuns: 40 },
	);
});

class Crash extends Error {}
