import pg from "pg";
import { sqlState } from "../../lib/sqlstate.ts";
import { Database, type Transaction } from "../../mixins/database.ts";
import { ReadAhead } from "../../mixins/tail/read-ahead.ts";
import { sources } from "../../mixins/tail/sources.ts";
import { Summarizer } from "../../mixins/tail/summarize.ts";
import { type Work, workBatch } from "../../mixins/tail/work-batch.ts";
import { until } from "../../testing/until.ts";
import { query, type TestDatabase } from "../support/database.ts";
import { createTailDatabase, effectCounts, openNode, recordEffects } from "../support/tail.ts";

jest.setTimeout(120_000);

/** 100,000 messages, most of them in transactions of 100. */
let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
	database = await createTailDatabase();
	client = new pg.Client({ connectionString: database.url, options: "-c enable_seqscan=off" });
	await client.connect();
	await client.query(
		`create procedure fill(transactions int, messages int) language plpgsql as $$ begin
			for i in 1..transactions loop
				insert into messages (conversation_id, seq, user1_sent, user2_sent, created_at, id, client_id, sender_id, type, content, metadata)
				select gen_random_uuid(), 1, 1, 0, now(), gen_random_uuid(), gen_random_uuid(), 'a', 'TEXT', repeat('word ', 22), '{}'
				from generate_series(1, messages);
				commit;
			end loop;
		end $$`,
	);
	// Only the test and the reader summarize.
	await client.query("alter table messages set (autovacuum_enabled = off)");
	await client.query("alter index messages_created_xid set (autosummarize = off)");
	await client.query("call fill(980, 100)");
	await client.query("call fill(1, 2000)");
	await client.query("select brin_summarize_new_values('messages_created_xid')");
});

afterAll(async () => {
	await client.end();
	await database.drop();
});

interface Plan {
	"Node Type": string;
	"Index Name"?: string;
	"Shared Hit Blocks": number;
	"Shared Read Blocks": number;
	"Actual Rows": number;
	Plans?: Plan[];
}

const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];

/** By which index the statement reads, how many pages it reads, and how many rows it gives. */
async function readsOf(text: string, values: unknown[]) {
	const { rows } = await client.query(`explain (analyze, buffers, format json) ${text}`, values);
	const plan: Plan = rows[0]["QUERY PLAN"][0].Plan;
	return {
		indexes: nodesOf(plan).flatMap((node) => node["Index Name"] ?? []),
		pages: plan["Shared Hit Blocks"] + plan["Shared Read Blocks"],
		rows: plan["Actual Rows"],
	};
}

const oneOf = async (sql: string) => Object.values((await client.query(sql)).rows[0])[0];
const { firstKey, read, readTransaction, lag } = sources.messages;

describe.each(["force_generic_plan", "force_custom_plan"])("with %s", (mode) => {
	beforeAll(() => client.query(`set plan_cache_mode = ${mode}`));

	// The index has one entry for 32 pages, and the table has about 3,000 pages.
	const fewPages = 500;

	test("the newest rows are found by the BRIN index, without reading the others", async () => {
		const newest = await oneOf("select max(created_xid::text::bigint) from messages");
		const reads = await readsOf(read.text, [newest, firstKey, String(Number(newest) + 10_000), 20_000, null]);
		expect(reads).toMatchObject({ indexes: ["messages_created_xid"], rows: 2_000 });
		expect(reads.pages).toBeLessThan(fewPages);
	});

	test("rows in the middle are found by the BRIN index, without reading the others", async () => {
		const { rows } = await client.query(
			`select min(number) as begin, max(number) + 1 as end
			from (select distinct created_xid::text::bigint as number from messages order by number offset 400 limit 20) as twenty`,
		);
		const reads = await readsOf(read.text, [rows[0].begin, firstKey, rows[0].end, 20_000, null]);
		expect(reads).toMatchObject({ indexes: ["messages_created_xid"], rows: 2_000 });
		expect(reads.pages).toBeLessThan(fewPages);
	});

	test("a consumer that has caught up reads few pages", async () => {
		const horizon = Number(await oneOf("select max(created_xid::text::bigint) + 1 from messages"));
		const reads = await readsOf(read.text, [horizon, firstKey, horizon + 10_000, 20_000, null]);
		expect(reads).toMatchObject({ indexes: ["messages_created_xid"], rows: 0 });
		expect(reads.pages).toBeLessThan(fewPages);
		const lagReads = await readsOf(lag.text, [horizon, firstKey, horizon + 10_000, 10_000, null]);
		expect(lagReads.indexes).toEqual(["messages_created_xid"]);
		expect(lagReads.pages).toBeLessThan(fewPages);
	});

	test("one large transaction is read along the primary key, which is in order already", async () => {
		const newest = await oneOf("select max(created_xid::text::bigint) from messages");
		const reads = await readsOf(readTransaction.text, [newest, firstKey, 100, null]);
		expect(reads).toMatchObject({ indexes: ["messages_pkey"], rows: 100 });
	});
});

test("pages that the index does not know yet are summarized by the reader, when there are many", async () => {
	const db = openNode(database.url);
	try {
		const summarizer = new Summarizer("messages");
		await summarizer.summarize(db);
		await client.query("call fill(400, 100)");
		const horizon = Number(await oneOf("select max(created_xid::text::bigint) + 1 from messages"));
		const values = [horizon, firstKey, horizon + 10_000, 20_000, null];
		const pagesBefore = (await readsOf(read.text, values)).pages;
		expect(pagesBefore).toBeGreaterThan(1_024);
		await summarizer.summarize(db);
		expect((await readsOf(read.text, values)).pages).toBeLessThan(pagesBefore / 4);
	} finally {
		await db.close();
	}
});

test("the reader does not wait for a vacuum, and summarizes after it", async () => {
	const db = openNode(database.url);
	try {
		const summarizer = new Summarizer("messages");
		await client.query("begin");
		// The lock that a vacuum takes.
		await client.query("lock table messages in share update exclusive mode");
		await summarizer.summarize(db);
		await client.query("commit");
		await client.query("select brin_desummarize_range('messages_created_xid', 0)");
		await summarizer.summarize(db);
		expect(await oneOf("select brin_summarize_new_values('messages_created_xid')")).toBe(0);
	} finally {
		await client.query("rollback");
		await db.close();
	}
});

/** Its statements of this name take too long: PostgreSQL ends them. */
class SlowDatabase extends Database {
	tooSlow = "";
	readonly ended: string[] = [];

	override transaction<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result> {
		return super.transaction((transaction) =>
			work({
				query: async (statement, values) => {
					if (statement.name !== this.tooSlow) return transaction.query(statement, values);
					this.ended.push(statement.name);
					return transaction.query({ name: "", text: "set local statement_timeout = 10; select pg_sleep(60)" });
				},
			}),
		);
	}
}

test("a transaction that is too large to be read by one way is read by the other", async () => {
	const db = new SlowDatabase(database.url, () => {});
	const ahead = new ReadAhead<"messages">("messages", { rows: 50, firstWidth: 16n });
	const name = "slow";
	let worked = 0;
	const work: Work<"messages"> = async (rows, transaction) => {
		worked += rows.length;
		await recordEffects(name, rows, transaction);
	};
	const look = () =>
		workBatch(db, { name, source: "messages", from: "now", maxRows: 50, maxBytes: 1_000_000, work }, ahead).catch(
			(error: { code?: string }) => expect(error.code).toBe(sqlState.queryCanceled),
		);
	const lookUntil = (rows: number) =>
		until(
			async () => {
				await look();
				return worked >= rows;
			},
			{ timeoutMs: 60_000 },
		);
	try {
		await query(database.url, "truncate messages");
		await look();
		await client.query("call fill(1, 1000)");
		db.tooSlow = "tail.messages";
		await lookUntil(50);
		db.tooSlow = "tail.messages.transaction";
		await lookUntil(100);
		expect([...new Set(db.ended)]).toEqual(["tail.messages", "tail.messages.transaction"]);
		db.tooSlow = "";
		await lookUntil(1_000);
		expect(await effectCounts(database.url, name)).toEqual([1]);
	} finally {
		await db.close();
	}
});
