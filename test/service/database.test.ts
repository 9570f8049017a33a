import { randomUUID } from "node:crypto";
import { lockTimeoutMs, queryTimeoutMs } from "../../lib/timeouts.ts";
import { Database, statement } from "../../mixins/database.ts";
import { until } from "../../testing/until.ts";
import { createDatabase, holding, query, type TestDatabase } from "../support/database.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

let database: TestDatabase;
let proxy: TcpProxy;
let db: Database;

beforeAll(async () => {
	database = await createDatabase();
	await query(database.url, "create table things (id int primary key, name text)");
});

afterAll(() => database.drop());

beforeEach(async () => {
	proxy = await TcpProxy.before(database.url);
	db = new Database(proxy.url, () => {});
});

afterEach(async () => {
	await db.close();
	await proxy.close();
});

const pid = statement("pid", "select pg_backend_pid() as pid");
const insert = statement("insert", "insert into things values ($1, $2)");
const rename = statement("rename", "update things set name = $2 where id = $1");
const sleep = statement("sleep", "select pg_sleep($1)");

const asleep = "select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'";

async function pidOf(pool = db): Promise<number> {
	const [row] = await pool.query<{ pid: number }>(pid);
	return row?.pid ?? 0;
}

/** As many as statements that run at once. */
async function openConnections(count: number): Promise<void> {
	await Promise.all(Array.from({ length: count }, () => db.query(sleep, [0.1])));
	expect(proxy.connections).toBe(count);
}

async function elapsedMs(work: () => Promise<unknown>): Promise<number> {
	const fromMs = performance.now();
	await work();
	return performance.now() - fromMs;
}

test("a connection outlives the errors of its statements", async () => {
	const before = await pidOf();
	await db.query(insert, [1, "first"]);
	for (let i = 0; i < 50; i++) await expect(db.query(insert, [1, "again"])).rejects.toMatchObject({ code: "23505" });
	await expect(db.query(insert, ["no number", ""])).rejects.toMatchObject({ code: "22P02" });
	expect(await pidOf()).toBe(before);
	expect(proxy.connections).toBe(1);
});

test("a connection that the server ended is replaced, whether it was idle or in use", async () => {
	const first = await pidOf();
	await query(database.url, "select pg_terminate_backend($1)", [first]);
	await until(() => proxy.connections === 0);
	const second = await pidOf();
	expect(second).not.toBe(first);

	const sleeping = db.query(sleep, [2]);
	await Promise.all([
		expect(sleeping).rejects.toMatchObject({ code: "57P01" }),
		until(async () => (await query(database.url, asleep)).length > 0).then(() =>
			query(database.url, "select pg_terminate_backend($1)", [second]),
		),
	]);
	expect(await pidOf()).not.toBe(second);
});

test("a statement does not wait for a locked row for long, and its connection outlives that", async () => {
	await query(database.url, "insert into things values (2, 'second')");
	const before = await pidOf();
	await holding(database.url, "select from things where id = 2 for update", [], async () => {
		const waitedMs = await elapsedMs(() => expect(db.query(rename, [2, "x"])).rejects.toMatchObject({ code: "55P03" }));
		expect(waitedMs).toBeLessThan(lockTimeoutMs + 1_000);
	});
	expect(await pidOf()).toBe(before);
});

test("when connections are cut without a word, one statement waits for its time-out, and the next finds new ones", async () => {
	const other = new Database(proxy.url, () => {});
	await openConnections(6);
	await pidOf(other);
	proxy.blackHole();
	const silentMs = await elapsedMs(() => expect(pidOf()).rejects.toMatchObject({ type: "UNAVAILABLE" }));
	expect(silentMs).toBeLessThan(queryTimeoutMs + 1_000);
	const all = [...Array.from({ length: 6 }, () => db), other];
	expect(await elapsedMs(() => Promise.all(all.map(pidOf)))).toBeLessThan(1_000);
	await other.close();
}, 20_000);

test("while new connections are cut too, nobody waits longer, and it serves again at once when they are not", async () => {
	await openConnections(3);
	proxy.blackHole({ newToo: true });
	for (let i = 0; i < 3; i++) {
		expect(await elapsedMs(() => expect(pidOf()).rejects.toMatchObject({ type: "UNAVAILABLE" }))).toBeLessThan(
			queryTimeoutMs + 1_000,
		);
	}
	proxy.pass();
	expect(await pidOf()).toBeGreaterThan(0);
}, 30_000);

test("closing does not wait for connections that are cut", async () => {
	const cut = await TcpProxy.before(database.url);
	const other = new Database(cut.url, () => {});
	await Promise.all([pidOf(other), pidOf(other)]);
	const running = other.query(sleep, [1]).catch(() => {});
	await until(async () => (await query(database.url, asleep)).length > 0);
	cut.blackHole({ newToo: true });
	expect(await elapsedMs(() => other.close())).toBeLessThan(queryTimeoutMs + 2_000);
	await running;
	await cut.close();
}, 20_000);

test("work is done exclusively, however long it takes, and after a failure another may do it", async () => {
	const name = randomUUID();
	const other = new Database(database.url, () => {});
	const failing = db.exclusively(name, async () => {
		expect(await other.exclusively(name, async () => {})).toBe(false);
		await other.query(insert, [1, "again"]);
	});
	await expect(failing).rejects.toMatchObject({ code: "23505" });
	expect(await other.exclusively(name, async () => {})).toBe(true);
	await other.close();
});
