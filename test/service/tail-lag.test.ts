import { ServiceBroker } from "moleculer";
import { newId } from "../../lib/ids.ts";
import type { Database } from "../../mixins/database.ts";
import { type TailOptions, TailReader } from "../../mixins/tail-reader.ts";
import { until } from "../../testing/until.ts";
import { query, type TestDatabase } from "../support/database.ts";
import { createTailDatabase, openNode, recordEffects, Writer } from "../support/tail.ts";

jest.setTimeout(60_000);

let database: TestDatabase;
let db: Database;
let writer: Writer;
let reader: TailReader<"messages">;
let warnings: string[];
let isFailing: boolean;

beforeEach(async () => {
	database = await createTailDatabase();
	db = openNode(database.url);
	writer = await Writer.connect(database.url);
	warnings = [];
	isFailing = false;
});

afterEach(async () => {
	await reader.stop();
	await writer.end();
	await db.close();
	await database.drop();
});

function start(options: Partial<TailOptions<"messages">> = {}): void {
	reader = new TailReader(
		db,
		{ warn: (text: string) => void warnings.push(text) },
		{
			name: "test",
			source: "messages",
			maxRows: 10,
			intervalMs: 50,
			async work(rows, transaction) {
				if (isFailing) throw new Error("not yet");
				await recordEffects("test", rows, transaction);
			},
			...options,
		},
	);
	reader.start();
}

/** As if the messages had been stored 90 s ago. */
const makeOlder = () => query(database.url, "update messages set created_at = created_at - interval '90 s'");

test("the lag is told in rows and seconds", async () => {
	isFailing = true;
	start();
	expect(await reader.lag()).toEqual({ rows: 0, seconds: 0 });
	await writer.insert(25);
	await makeOlder();
	await until(async () => (await reader.lag()).rows === 25);
	expect((await reader.lag()).seconds).toBeGreaterThan(89);
	isFailing = false;
	await until(async () => (await reader.lag()).rows === 0);
	expect((await reader.lag()).seconds).toBe(0);
});

test("the lag of a message that was imported begins with the import", async () => {
	isFailing = true;
	start();
	await writer.insert();
	await query(database.url, "update messages set id = $1, created_at = '2020-01-01T00:00:00Z'", [newId()]);
	await until(async () => (await reader.lag()).rows === 1);
	expect((await reader.lag()).seconds).toBeLessThan(3_600);
});

test("while a transaction is open the lag grows, and after it the lag is gone", async () => {
	const late = await Writer.connect(database.url);
	try {
		start();
		await late.begin();
		await late.insert(3);
		await writer.insert(20);
		await until(async () => (await reader.lag()).seconds > 1);
		expect((await reader.lag()).rows).toBe(20);
		await late.commit();
		await until(async () => (await reader.lag()).rows === 0);
	} finally {
		await late.end();
	}
});

test("a large lag is logged as a warning", async () => {
	isFailing = true;
	start({ maxLagSeconds: 60 });
	await writer.insert(25);
	await makeOlder();
	const lagWarning = expect.stringMatching(/^The consumer test is \d+ s behind, with at least 25 rows to work$/);
	await until(() => warnings.some((text) => lagWarning.asymmetricMatch(text)), { timeoutMs: 30_000 });
});

test("the lag is a metric of the broker", async () => {
	const broker = new ServiceBroker({ logger: false, metrics: { enabled: true, collectProcessMetrics: false } });
	try {
		isFailing = true;
		start({ metrics: broker.metrics });
		await writer.insert(25);
		await makeOlder();
		const valueOfGauge = (name: string) => broker.metrics.getMetric(name)?.get({ consumer: "test" })?.value;
		await until(() => valueOfGauge("parley.tail.lag.rows") === 25, { timeoutMs: 30_000 });
		expect(valueOfGauge("parley.tail.lag.seconds")).toBeGreaterThan(89);
	} finally {
		await broker.stop();
	}
});
