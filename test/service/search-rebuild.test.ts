import { randomUUID } from "node:crypto";
import { Database, statement } from "../../mixins/database.ts";
import { maintain } from "../../mixins/maintenance.ts";
import { indexMessages } from "../../services/messages/search/index-messages.ts";
import { rebuildIndex } from "../../services/messages/search/rebuild-index.ts";
import { until } from "../../testing/until.ts";
import { startBroker } from "../support/broker.ts";
import { createMigratedDatabase, holding, query, type TestDatabase } from "../support/database.ts";

/** Nobody rebuilds the index but the tests. Each has a database of its own, because its index is rebuilt. */
let database: TestDatabase;
let db: Database;
let running: AbortController;

beforeEach(async () => {
	database = await createMigratedDatabase();
	db = new Database(database.url, () => {});
	running = new AbortController();
}, 30_000);

afterEach(async () => {
	running.abort();
	await db.close();
	await database.drop();
});

const sql = <Row extends object>(text: string, values: unknown[] = []) => query<Row>(database.url, text, values);

const rebuild = () => rebuildIndex(db, running.signal);

/** A conversation whose messages, with these contents, are indexed. */
async function indexed(contents: string[]): Promise<string> {
	const id = randomUUID();
	await sql(
		`insert into messages (conversation_id, seq, user1_sent, user2_sent, created_at, id, client_id, sender_id, type, content, metadata)
		select $1, seq, seq, 0, now(), gen_random_uuid(), gen_random_uuid(), 'ada', 'TEXT', content, '{}'
		from unnest($2::text[]) with ordinality as m (content, seq)`,
		[id, contents],
	);
	const rows = contents.map((_, i) => ({ conversationId: id, seq: i + 1 }));
	await db.transaction((transaction) => indexMessages(rows, transaction, async () => new Map()));
	return id;
}

const erase = (id: string, seq = 1) =>
	sql("update messages set content = null where conversation_id = $1 and seq = $2", [id, seq]);

/** The first of these messages is erased, long ago. */
async function erasedLongAgo(contents: string[]): Promise<string> {
	const id = await indexed(contents);
	await erase(id);
	await sql("update search_removals set noted_at = now() - interval '7 hours'");
	return id;
}

async function removals(): Promise<number> {
	return (await sql("select from search_removals")).length;
}

/** The index has another file when it was rebuilt. */
async function indexFile(): Promise<string> {
	const [row] = await sql<{ path: string }>("select pg_relation_filepath('message_search_words') as path");
	return row?.path ?? "";
}

async function isInFile(relation: string, word: string): Promise<boolean> {
	await sql("checkpoint");
	const [row] = await sql<{ position: number }>(
		"select position($2::bytea in pg_read_binary_file(pg_relation_filepath($1))) as position",
		[relation, Buffer.from(word)],
	);
	return (row?.position ?? 0) > 0;
}

async function found(word: string): Promise<number> {
	return (await sql("select from message_search where search_text @@ $1::tsquery", [`'${word}'`])).length;
}

async function unfinished(): Promise<number> {
	return (await sql("select from pg_index where indrelid = 'message_search'::regclass and not indisvalid")).length;
}

/** A transaction that writes to the index: a rebuild cannot go on until it ends. */
const writing = "lock table message_search in row exclusive mode";

async function maintenancePid(): Promise<number> {
	const row = await until(async () => {
		const [session] = await sql<{ pid: number }>(
			`select pid from pg_stat_activity where datname = current_database() and application_name = 'parley maintenance'
			and query like 'reindex%' and wait_event_type = 'Lock'`,
		);
		return session;
	});
	return row.pid;
}

test("hours after an erasure the index is rebuilt: the word is neither in it, nor in a row, nor in the statistics", async () => {
	const id = await indexed(["a xyzzyquux secret", ...Array.from({ length: 200 }, (_, i) => `hay ${i}`)]);
	await sql("analyze message_search");
	expect(await isInFile("message_search_words", "xyzzyquux")).toBe(true);
	const inStatistics = "select from pg_stats where tablename = 'message_search' and position('xyzzyquux' in pg_stats::text) > 0";
	expect(await sql(inStatistics)).not.toEqual([]);
	await erase(id);
	await sql("update search_removals set noted_at = now() - interval '7 hours'");

	expect(await rebuild()).toBe(true);
	expect(await isInFile("message_search_words", "xyzzyquux")).toBe(false);
	expect(await isInFile("message_search_words", "hay")).toBe(true);
	expect(await sql(inStatistics)).toEqual([]);
	expect(await sql("select from message_search where body like '%xyzzyquux%'")).toEqual([]);
	expect(await removals()).toBe(0);
	expect(await found("hay")).toBe(200);
});

test("erasures of the last hours wait, and are rebuilt once together with the oldest one", async () => {
	const id = await indexed(["one", "two", "three"]);
	await erase(id, 1);
	await erase(id, 2);
	const file = await indexFile();
	expect(await rebuild()).toBe(false);
	expect(await indexFile()).toBe(file);
	expect(await removals()).toBe(2);

	await sql("update search_removals set noted_at = now() - interval '7 hours' where id = (select min(id) from search_removals)");
	expect(await rebuild()).toBe(true);
	expect(await indexFile()).not.toBe(file);
	expect(await removals()).toBe(0);
	expect(await rebuild()).toBe(false);
});

test("a content that was never indexed is noted too, and a message without content is not", async () => {
	const id = await indexed(["one", "two"]);
	await sql("delete from message_search");
	await erase(id, 1);
	expect(await removals()).toBe(1);
	await sql("update messages set content = 'a caption' where conversation_id = $1 and seq = 1", [id]);
	expect(await removals()).toBe(1);
});

test("searches and the indexer go on during a rebuild, a second node does nothing, and a new erasure waits for the next one", async () => {
	await erasedLongAgo(["a xyzzyquux secret", "hay"]);
	const file = await indexFile();
	let rebuilding: Promise<boolean> | undefined;
	await holding(database.url, writing, [], async () => {
		rebuilding = rebuild();
		await maintenancePid();
		expect(await rebuild()).toBe(false);
		const other = await indexed(["plughfoo", "more hay"]);
		expect(await found("hay")).toBe(2);
		expect(await found("plughfoo")).toBe(1);
		await erase(other);
		expect(await removals()).toBe(2);
	});
	expect(await rebuilding).toBe(true);
	expect(await indexFile()).not.toBe(file);
	expect(await found("hay")).toBe(2);
	expect(await removals()).toBe(1);
	await sql("update search_removals set noted_at = now() - interval '7 hours'");
	expect(await rebuild()).toBe(true);
	expect(await isInFile("message_search_words", "plughfoo")).toBe(false);
});

test("after a rebuild that was killed in the middle, the next one removes what it left, and succeeds", async () => {
	await erasedLongAgo(["a xyzzyquux secret", "hay"]);
	await holding(database.url, writing, [], async () => {
		const killed = rebuild();
		const pid = await maintenancePid();
		await Promise.all([expect(killed).rejects.toThrow(), sql("select pg_terminate_backend($1)", [pid])]);
	});
	expect(await unfinished()).toBe(1);
	expect(await removals()).toBe(1);
	expect(await found("hay")).toBe(1);

	expect(await rebuild()).toBe(true);
	expect(await unfinished()).toBe(0);
	expect(await removals()).toBe(0);
	expect(await isInFile("message_search_words", "xyzzyquux")).toBe(false);
});

test("a rebuild that fails leaves no index behind, is told, and is still to do", async () => {
	await erasedLongAgo(["a secret", "hay"]);
	let failed: Promise<void> | undefined;
	await holding(database.url, writing, [], async () => {
		failed = expect(rebuild()).rejects.toThrow("canceling statement due to user request");
		await sql("select pg_cancel_backend($1)", [await maintenancePid()]);
	});
	await failed;
	expect(await unfinished()).toBe(0);
	expect(await removals()).toBe(1);
});

test("a node that stops ends its rebuild, and the next node to start makes it", async () => {
	await erasedLongAgo(["a xyzzyquux secret", "hay"]);
	await holding(database.url, writing, [], async () => {
		const node = await startBroker({ databaseUrl: database.url, services: ["conversations", "directory", "messages"] });
		await maintenancePid();
		await node.stop();
		expect(node.log.filter((line) => /^(warn|error)/.test(line))).toEqual([]);
	});
	const node = await startBroker({ databaseUrl: database.url, services: ["conversations", "directory", "messages"] });
	await until(async () => (await removals()) === 0);
	await node.stop();
	expect(await unfinished()).toBe(0);
	expect(await isInFile("message_search_words", "xyzzyquux")).toBe(false);
});

test("no limit on time ends a rebuild, neither that of the database nor that of a pool", async () => {
	const name = new URL(database.url).pathname.slice(1);
	await sql(`alter database ${name} set statement_timeout = '50ms'`);
	await sql(`alter database ${name} set lock_timeout = '50ms'`);
	await erasedLongAgo(["a secret", "hay"]);
	let rebuilding: Promise<boolean> | undefined;
	await holding(database.url, writing, [], async () => {
		rebuilding = rebuild();
		await maintenancePid();
		await until(async () => {
			const waitsLong = `select from pg_stat_activity where datname = current_database() and application_name = 'parley maintenance'
				and query_start < clock_timestamp() - interval '4 seconds'`;
			return (await sql(waitsLong)).length === 1;
		});
	});
	expect(await rebuilding).toBe(true);
}, 20_000);

test("maintenance that is aborted before it begins, or while it connects, does nothing", async () => {
	let count = 0;
	const work = async () => {
		count++;
	};
	expect(await maintain(db, "test", work, AbortSignal.abort())).toBe(false);
	const connecting = maintain(db, "test", work, running.signal);
	running.abort();
	await expect(connecting).rejects.toThrow("aborted");
	expect(count).toBe(0);
	expect(await maintain(db, "test", () => db.query(statement("test.one", "select 1")), new AbortController().signal)).toBe(true);
});
