import { randomUUID } from "node:crypto";
import type { Database } from "../../mixins/database.ts";
import { type NewMessage, TailReader, type Work } from "../../mixins/tail-reader.ts";
import { until } from "../../testing/until.ts";
import { query, type TestDatabase } from "../support/database.ts";
import { createTailDatabase, effectCounts, openNode, recordEffects, strayEffects, Writer } from "../support/tail.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

jest.setTimeout(60_000);

let database: TestDatabase;
let db: Database;
let writer: Writer;
let readers: TailReader<"messages" | "receipts">[];
let warnings: unknown[][];

const logger = { warn: (...args: unknown[]) => void warnings.push(args) };

beforeEach(async () => {
	database = await createTailDatabase();
	db = openNode(database.url);
	writer = await Writer.connect(database.url);
	readers = [];
	warnings = [];
});

afterEach(async () => {
	await Promise.all(readers.map((reader) => reader.stop()));
	await writer.end();
	await db.close();
	await database.drop();
});

interface Options {
	name?: string;
	on?: Database;
	maxRows?: number;
	maxBytes?: number;
	from?: "beginning" | "now";
	work?: Work<"messages">;
	intervalMs?: number;
}

/** A started reader whose effect is a row of `effects` for each message. */
function start({ name = "test", on = db, work, ...options }: Options = {}): TailReader<"messages"> {
	const reader = new TailReader(on, logger, {
		name,
		source: "messages",
		work: work ?? ((rows, transaction) => recordEffects(name, rows, transaction)),
		intervalMs: 50,
		...options,
	});
	readers.push(reader as TailReader<"messages" | "receipts">);
	reader.start();
	return reader;
}

/** Every committed message has had its effect, once. */
const allOnce = async (name = "test") => {
	expect(await effectCounts(database.url, name)).toEqual([1]);
	expect(await strayEffects(database.url)).toBe(0);
	return true;
};

const effects = async (name = "test") =>
	(await query<{ count: number }>(database.url, "select count(*)::int as count from effects where consumer = $1", [name]))[0]
		?.count ?? 0;

test("what was stored before the consumer existed, and what is stored while it runs, has its effect once", async () => {
	await writer.insert(30);
	start();
	await until(allOnce);
	for (let n = 0; n < 20; n++) await writer.insert(3);
	await until(async () => (await effects()) === 90);
	await allOnce();
});

const isPastSql = "select from messages where created_xid >= pg_snapshot_xmin(pg_current_snapshot()) limit 1";

test("a consumer may begin with what is stored from now on", async () => {
	await writer.insert(30);
	// Other tests use the same server: a transaction of theirs may be older than these rows.
	await until(async () => (await query(database.url, isPastSql)).length === 0);
	start({ from: "now" });
	await until(async () => (await query(database.url, "select from consumers")).length === 1);
	const conversationId = await writer.insert(2);
	await until(async () => (await effects()) === 2);
	const told = await query(database.url, "select distinct conversation_id from effects");
	expect(told).toEqual([{ conversation_id: conversationId }]);
});

test("several consumers each get everything", async () => {
	start({ name: "one" });
	start({ name: "other", maxRows: 2 });
	await writer.insert(25);
	await until(() => allOnce("one"));
	await until(() => allOnce("other"));
});

test("a transaction that commits after later ones is not skipped", async () => {
	const late = await Writer.connect(database.url);
	try {
		start();
		await late.begin();
		await late.insert(3);
		for (let n = 0; n < 10; n++) await writer.insert();
		// The reader has looked again and again, and is not past the open transaction.
		const fromMs = Date.now();
		await until(() => Date.now() - fromMs > 3_000, { timeoutMs: 5_000 });
		expect(await effects()).toBe(0);
		await late.commit();
		await until(async () => (await effects()) === 13);
		await allOnce();
	} finally {
		await late.end();
	}
});

test("what was rolled back has no effect", async () => {
	await writer.begin();
	await writer.insert(5);
	await writer.rollback();
	await writer.insert(2);
	start();
	await until(async () => (await effects()) === 2);
	await allOnce();
});

test("a batch that fails is done again, and what it had done has not happened", async () => {
	let failures = 3;
	await writer.insert(20);
	start({
		maxRows: 7,
		work: async (rows, transaction) => {
			await recordEffects("test", rows, transaction);
			if (failures-- > 0) throw new Error("Something is wrong with this batch");
		},
	});
	await until(allOnce);
	expect(warnings.map(([text]) => text)).toEqual(Array(3).fill("The consumer test failed at a batch, and will try it again:"));
});

test("a statement of a batch that PostgreSQL refuses rolls the batch back, and the connection stays", async () => {
	let failures = 2;
	await writer.insert(5);
	start({
		work: async (rows, transaction) => {
			await recordEffects("test", rows, transaction);
			if (failures-- > 0) await transaction.query({ name: "test.bad", text: "select 1 / 0" });
		},
	});
	await until(allOnce);
	expect(warnings).toHaveLength(2);
});

test("batches end in the middle of a transaction, by rows and by bytes", async () => {
	const batches: NewMessage[][] = [];
	const work: Work<"messages"> = async (rows, transaction) => {
		batches.push(rows);
		await recordEffects("test", rows, transaction);
	};
	await writer.begin();
	for (let n = 0; n < 5; n++) await writer.insert(200);
	await writer.insert(3, "x".repeat(60_000));
	await writer.commit();
	start({ work, maxRows: 70, maxBytes: 100_000 });
	await until(allOnce);
	expect(batches.flat()).toHaveLength(1_003);
	expect(Math.max(...batches.map(({ length }) => length))).toBe(70);
	const keys = batches.flat().map(({ conversationId, seq }) => `${conversationId} ${String(seq).padStart(5, "0")}`);
	expect(keys).toEqual([...keys].sort());
	const large = (
		await query<{ id: string }>(database.url, "select conversation_id as id from messages where length(content) > 100")
	)[0]?.id;
	expect(batches.filter((rows) => rows.filter(({ conversationId }) => conversationId === large).length > 1)).toEqual([]);
});

test("two nodes share a consumer, one at a time, and nothing happens twice", async () => {
	const other = openNode(database.url);
	let running = 0;
	const work: Work<"messages"> = async (rows, transaction) => {
		expect(++running).toBe(1);
		await recordEffects("test", rows, transaction);
		running--;
	};
	try {
		start({ maxRows: 3, work });
		start({ maxRows: 3, work, on: other });
		for (let n = 0; n < 60; n++) await writer.insert(4);
		await until(async () => (await effects()) === 240);
		await allOnce();
		expect(warnings).toEqual([]);
		await Promise.all(readers.map((reader) => reader.stop()));
	} finally {
		await other.close();
	}
});

test.each(["reset", "blackHole"] as const)(
	"when the connection of the worker is cut (%s) another node takes over within seconds",
	async (cut) => {
		const proxy = await TcpProxy.before(database.url);
		const cutNode = openNode(proxy.url);
		let isWorking = false;
		try {
			await writer.insert(10);
			start({
				on: cutNode,
				work: async (rows, transaction) => {
					await recordEffects("test", rows, transaction);
					if (isWorking) return;
					isWorking = true;
					if (cut === "reset") proxy.down();
					else proxy.blackHole({ newToo: true });
					await transaction.query({ name: "test.never", text: "select 1" });
				},
			});
			await until(() => isWorking);
			const fromMs = Date.now();
			start();
			await until(allOnce);
			expect(Date.now() - fromMs).toBeLessThan(6_000);
			// What the first node has of this batch must not come through later.
			proxy.pass();
			await writer.insert(5);
			await until(async () => (await effects()) === 15);
			await allOnce();
			await Promise.all(readers.map((reader) => reader.stop()));
		} finally {
			await cutNode.close();
			await proxy.close();
		}
	},
);

test("an answer to COMMIT that never arrives makes nothing happen twice", async () => {
	const proxy = await TcpProxy.before(database.url);
	const node = openNode(proxy.url);
	try {
		await writer.insert(10);
		proxy.swallow(
			{ request: "commit", isComplete: (tail) => tail.subarray(-6).equals(Buffer.from([0x5a, 0, 0, 0, 5, 0x49])) },
			3,
		);
		start({ on: node, maxRows: 2 });
		await until(() => proxy.swallowed === 3);
		await until(allOnce);
		await Promise.all(readers.map((reader) => reader.stop()));
	} finally {
		await node.close();
		await proxy.close();
	}
});

test("a message that changes while it waits is seen once, and one that changed later is not seen again", async () => {
	await writer.insert(20);
	const change = "update messages set content = 'changed', changed_xid = pg_current_xact_id() where seq % 2 = 0";
	await query(database.url, change);
	start();
	await until(allOnce);
	await query(database.url, change);
	await writer.insert();
	await until(async () => (await effects()) === 21);
	await allOnce();
});

test("the position may be set back by hand while the reader runs", async () => {
	start();
	await writer.insert(4);
	await until(allOnce);
	await query(database.url, "update consumers set xid = '0', key = '{}' where name = 'test'");
	await until(async () => (await effects()) === 8);
	expect(await effectCounts(database.url, "test")).toEqual([2]);
});

test("receipts have a tail of their own", async () => {
	const seen: unknown[] = [];
	const reader = new TailReader(db, logger, {
		name: "receipts",
		source: "receipts",
		intervalMs: 50,
		maxRows: 1,
		work: async (rows) => void seen.push(...rows),
	});
	readers.push(reader as TailReader<"messages" | "receipts">);
	const conversationId = randomUUID();
	await query(
		database.url,
		`insert into receipts (conversation_id, user_id, kind, up_to_seq, at)
		select $1, 'a', kind, 3, '2026-01-02T03:04:05.067Z' from unnest(array['read', 'delivered']) kind`,
		[conversationId],
	);
	reader.start();
	await until(() => seen.length === 2);
	const receipt = { conversationId, userId: "a", upToSeq: 3, at: "2026-01-02T03:04:05.067Z" };
	expect(seen).toEqual([
		{ ...receipt, kind: "delivered" },
		{ ...receipt, kind: "read" },
	]);
});

test("a consumer keeps to the table that it began with", async () => {
	start();
	await until(async () => (await query(database.url, "select from consumers")).length === 1);
	const reader = new TailReader(db, logger, { name: "test", source: "receipts", work: async () => {} });
	readers.push(reader as TailReader<"messages" | "receipts">);
	reader.start();
	await until(() => warnings.length > 0);
	expect(String(warnings[0]?.[1])).toBe("Error: The consumer test reads messages, not receipts");
});

test("`lookNow` makes it look at once", async () => {
	const reader = start({ intervalMs: 3_600_000 });
	await until(async () => (await query(database.url, "select from consumers")).length === 1);
	await writer.insert(3);
	// Transactions of other databases may hold it back for a moment, so it is told more than once.
	await until(() => {
		reader.lookNow();
		return allOnce();
	});
});
