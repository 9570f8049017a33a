import { randomUUID } from "node:crypto";
import RedisMock from "ioredis-mock";
import pg from "pg";
import { Database, type Statement } from "../../mixins/database.ts";
import { countsStatement, unreadCounts } from "../../services/conversations/unread.ts";
import { UnreadTotals } from "../../services/conversations/unread-totals.ts";
import { until } from "../../testing/until.ts";
import { append } from "../support/append.ts";
import { bulkConversations } from "../support/bulk.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/database.ts";

jest.setTimeout(120_000);

/** What is asserted is what the statements of one incoming message read, not how long that takes. */
let database: TestDatabase;
let sql: pg.Client;
let db: Database;
let totals: UnreadTotals;
const redis = new RedisMock();
const asked: { statement: Statement; values: unknown[] }[] = [];

beforeAll(async () => {
	database = await createMigratedDatabase();
	db = new Database(database.url, () => {});
	const recording = Object.create(db, {
		query: {
			value: (statement: Statement, values: unknown[] = []) => {
				asked.push({ statement, values });
				return db.query(statement, values);
			},
		},
		transaction: { value: db.transaction.bind(db) },
	}) as Database;
	totals = new UnreadTotals(recording, redis, { debug() {}, warn() {} });
	sql = new pg.Client({ connectionString: database.url, options: "-c timezone=UTC -c enable_seqscan=off -c jit=off" });
	await sql.connect();
});

afterAll(async () => {
	redis.disconnect();
	await sql.end();
	await db.close();
	await database.drop();
});

test.each([1_000, 10_000])(
	"a message for somebody with %i conversations reads at most 150 blocks, however it is planned",
	async (count) => {
		const [readerId, writerId] = [randomUUID(), randomUUID()];
		const ids = await bulkConversations(database.url, { applicantId: readerId, employerId: writerId, count, messages: 5 });
		await sql.query("vacuum analyze");
		expect((await totals.of([readerId])).get(readerId)).toMatchObject({ total: 5 * count, totalLastSeq: 5 * count });
		const conversationId = ids[0] as string;
		let sent = 0;
		let counted: unknown;
		// When other tests write much to the same server in between, the total is summed.
		await until(async () => {
			await totals.of([readerId]);
			await totals.refresh();
			for (const id of ids.slice(0, 5)) {
				const draft = { conversationId: id, senderId: writerId, clientId: randomUUID(), content: "x", metadata: {} };
				await append(db, [{ ...draft, type: "TEXT", imageId: null, image: null, replyToSeq: null }]);
			}
			sent++;
			asked.length = 0;
			counted = await unreadCounts(db, totals, [{ userId: readerId, conversationId }]);
			expect(asked.map(({ statement }) => statement.name)).toEqual(["conversations.unreadTotalsSince"]);
			return true;
		});
		const [total, seq] = [5 * count + 5 * sent, 5 + sent];
		expect(counted).toMatchObject([{ count: seq, lastSeq: seq, total, totalLastSeq: total }]);
		asked.push({ statement: countsStatement, values: [[readerId], [conversationId]] });
		for (const mode of ["force_custom_plan", "force_generic_plan"]) {
			let blocks = 0;
			for (const { statement, values } of asked) blocks += await blocksOf(statement, values, mode);
			expect({ mode, blocks: Math.max(blocks, 150) }).toEqual({ mode, blocks: 150 });
		}
	},
);

async function blocksOf({ text }: Statement, values: unknown[], mode: string): Promise<number> {
	await sql.query(`set plan_cache_mode = ${mode}`);
	await sql.query(`prepare asked as ${text}`);
	const literals = values.map((value) =>
		pg.escapeLiteral(`{${(value as string[]).map((item) => JSON.stringify(item)).join(",")}}`),
	);
	const { rows } = await sql.query(`explain (analyze, buffers, format json) execute asked(${literals.join(", ")})`);
	await sql.query("deallocate asked");
	const plan: { "Shared Hit Blocks": number; "Shared Read Blocks": number } = rows[0]["QUERY PLAN"][0].Plan;
	return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"];
}
