import { randomUUID } from "node:crypto";
import pg from "pg";
import { Database, type Transaction } from "../../mixins/database.ts";
import { candidatesStatement } from "../../services/messages/search/candidates-statement.ts";
import { indexMessages } from "../../services/messages/search/index-messages.ts";
import { until } from "../../testing/until.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/database.ts";

/** The full-text index alone, without a broker: nobody indexes but the tests. */
let database: TestDatabase;
let db: Database;
let sql: pg.Client;

beforeAll(async () => {
	database = await createMigratedDatabase();
	db = new Database(database.url, () => {});
	sql = new pg.Client({ connectionString: database.url });
	await sql.connect();
}, 30_000);

afterAll(async () => {
	await sql.end();
	await db.close();
	await database.drop();
});

const english = async (ids: string[]) => new Map(ids.map((id) => [id, "english" as const]));

/** A conversation with these messages, which are not indexed yet. */
async function stored(contents: (string | null)[]): Promise<string> {
	const id = randomUUID();
	await sql.query(
		"insert into conversations (id, user1_id, user2_id, job_application_id, last_seq, last_message_at) values ($1::uuid, 'ada', 'bob', $1::text, $2, now())",
		[id, contents.length],
	);
	await sql.query(
		`insert into messages (conversation_id, seq, user1_sent, user2_sent, created_at, id, client_id, sender_id, type, content, metadata)
		select $1, seq, seq, 0, now(), gen_random_uuid(), gen_random_uuid(), 'ada', 'TEXT', content, '{}'
		from unnest($2::text[]) with ordinality as m (content, seq)`,
		[id, contents],
	);
	return id;
}

const rowsOf = (conversationId: string, count: number) =>
	Array.from({ length: count }, (_, i) => ({ conversationId, seq: i + 1 }));

async function index(conversationId: string, count: number): Promise<void> {
	await db.transaction((transaction) => indexMessages(rowsOf(conversationId, count), transaction, english));
}

async function bodiesOf(conversationId: string): Promise<string[]> {
	const { rows } = await sql.query("select body from message_search where conversation_id = $1 order by seq", [conversationId]);
	return rows.map(({ body }) => body);
}

test("a message has one row with its words, and none without words; twice is once", async () => {
	const id = await stored(["Größere, größere Häuser!", null, "👍 日本", "c++"]);
	await index(id, 4);
	await index(id, 4);
	const { rows } = await sql.query(
		"select seq::int, language, body, accented, search_text::text from message_search where conversation_id = $1 order by seq",
		[id],
	);
	expect(rows).toEqual([
		{
			...{ seq: 1, language: "english", body: "grossere hauser", accented: "größere häuser" },
			search_text: "'grosser':3 'grossere':1A 'größere':5 'hauser':2A,4 'häuser':6",
		},
		{ seq: 4, language: "english", body: "c", accented: "", search_text: "'c':1A,2" },
	]);
});

test("an erasure that comes while its message is being indexed removes the row", async () => {
	const id = await stored(["a secret"]);
	let erasing: Promise<unknown> | undefined;
	await db.transaction(async (transaction) => {
		const watched: Transaction = {
			async query<Row>(...[statement, values]: Parameters<Transaction["query"]>) {
				if (statement.name === "search.index") {
					erasing = sql.query("update messages set content = null where conversation_id = $1", [id]);
					await until(() => isWaiting());
				}
				return transaction.query<Row>(statement, values);
			},
		};
		await indexMessages(rowsOf(id, 1), watched, english);
	});
	await erasing;
	expect(await bodiesOf(id)).toEqual([]);
});

test("a message that is being erased is indexed afterwards, without what it had", async () => {
	const id = await stored(["a secret", "something else"]);
	await sql.query("begin");
	await sql.query("update messages set content = null where conversation_id = $1 and seq = 1", [id]);
	const indexing = index(id, 2);
	await until(() => isWaiting());
	await sql.query("commit");
	await indexing;
	expect(await bodiesOf(id)).toEqual(["something else"]);
});

/** Whether somebody waits for the lock of the index. On a connection of its own: the other one may be busy. */
async function isWaiting(): Promise<boolean> {
	const [row] = await db.query<{ waits: boolean }>({
		name: "test.isWaiting",
		text: "select exists (select from pg_locks where locktype = 'advisory' and not granted and database = (select oid from pg_database where datname = current_database())) as waits",
	});
	return row?.waits ?? false;
}

test("after an erasure and a vacuum no entry leads to the message; the words themselves go when the index is rebuilt", async () => {
	const id = await stored(["a xyzzyquux secret", ...Array.from({ length: 200 }, (_, i) => `hay ${i}`)]);
	await index(id, 201);
	expect(await isInFile("message_search_words", "xyzzyquux")).toBe(true);
	await sql.query("update messages set content = null where conversation_id = $1 and seq = 1", [id]);
	await sql.query("vacuum message_search");
	const { rows } = await sql.query("select seq from message_search where search_text @@ 'xyzzyquux'::tsquery");
	expect(rows).toEqual([]);
	await sql.query("reindex index concurrently message_search_words");
	expect(await isInFile("message_search_words", "xyzzyquux")).toBe(false);
	expect(await isInFile("message_search_words", "hay")).toBe(true);
});

async function isInFile(relation: string, word: string): Promise<boolean> {
	await sql.query("checkpoint");
	const { rows } = await sql.query<{ position: number }>(
		"select position($2::bytea in pg_read_binary_file(pg_relation_filepath($1))) as position",
		[relation, Buffer.from(word)],
	);
	return (rows[0]?.position ?? 0) > 0;
}

test("a search in the index reads its own conversations, by the index, whatever there is besides", async () => {
	await sql.query(
		`insert into conversations (id, user1_id, user2_id, job_application_id, last_seq, last_message_at)
		select md5(i::text)::uuid, case when i <= 10 then 'eve' else 'a' || i end, 'e' || i % 50, i, 50, now() from generate_series(1, 1000) i`,
	);
	await sql.query(
		`insert into messages (conversation_id, seq, user1_sent, user2_sent, created_at, id, client_id, sender_id, type, content, metadata)
		select c.id, seq, seq, 0, now(), gen_random_uuid(), gen_random_uuid(), c.user1_id, 'TEXT', 'hay', '{}'
		from conversations c, generate_series(1, 50) seq where c.last_seq = 50`,
	);
	await sql.query(
		`insert into message_search (conversation_id, seq, language, body, accented)
		select conversation_id, seq, 'english', case when seq = 7 then 'needles' else 'dry hay' end, '' from messages where content = 'hay'`,
	);
	await sql.query("vacuum analyze");
	await sql.query("set enable_seqscan = off");
	const { rows: own } = await sql.query("select id from conversations where user1_id = 'eve' limit 1");
	for (const [scope, subject, conversations] of [
		["user", "eve", 10],
		["conversation", own[0].id, 1],
	] as const) {
		for (const [query, found] of [
			["'needl'", conversations],
			["'nowher'", 0],
			["'hay' & 'dri'", 20],
		] as const) {
			for (const isRare of [false, true]) {
				const { plan, text } = await explained(scope, subject, query, isRare);
				expect(text).not.toContain("Seq Scan");
				expect({ query, rows: plan["Actual Rows"] }).toEqual({ query, rows: found });
				// 50 rows of a conversation are on as many pages here. They are looked up one by one, perhaps twice.
				expect(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]).toBeLessThan(400 * conversations + 300);
			}
		}
	}
}, 60_000);

test("in a long conversation a rare word is read from the index, and a frequent one from the newest messages", async () => {
	const id = await stored(["a needle in it", ...Array.from({ length: 12_000 }, (_, i) => `dry hay ${i}`)]);
	await sql.query(
		`insert into message_search (conversation_id, seq, language, body, accented)
		select conversation_id, seq, 'english', content, '' from messages where conversation_id = $1`,
		[id],
	);
	await sql.query("vacuum analyze");
	await sql.query("set enable_seqscan = off");
	for (const scope of ["user", "conversation"] as const) {
		const subject = scope === "user" ? "ada" : id;
		const rare = await explained(scope, subject, "'needl'", true);
		expect(rare.plan["Actual Rows"]).toBeGreaterThanOrEqual(1);
		expect(rare.text).toMatch(/"Index Name":"message_search_words"[^}]*"Actual Loops":[1-9]/);
		const frequent = await explained(scope, subject, "'hay' & 'dri'", false);
		expect(frequent.plan["Actual Rows"]).toBe(20);
		expect(frequent.text).not.toMatch(/"Index Name":"message_search_words"[^}]*"Actual Loops":[1-9]/);
		for (const { plan, text } of [rare, frequent]) {
			expect(text).not.toContain("Seq Scan");
			// Over all conversations, the newest 1,024 are looked up one by one.
			expect(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]).toBeLessThan(scope === "user" ? 5_500 : 1_500);
		}
	}
}, 60_000);

/** How a search in the index alone runs once its plan is made without values, as that of a prepared statement may be. */
async function explained(scope: "user" | "conversation", subject: string, query: string, isRare: boolean) {
	const { text } = candidatesStatement(scope, 1, { walk: "none", use: "add", hasForms: true, isRare });
	const latest = ["infinity", "ffffffff-ffff-ffff-ffff-ffffffffffff", Number.MAX_SAFE_INTEGER];
	const values = [subject, 20, "-infinity", "infinity", ...latest, query, ["english"], [0], [query]];
	await sql.query("set plan_cache_mode = force_generic_plan");
	const { rows } = await sql.query(`explain (analyze, buffers, format json) ${text}`, values);
	const { Plan: plan } = rows[0]["QUERY PLAN"][0];
	return { plan, text: JSON.stringify(plan) };
}
