import { randomUUID } from "node:crypto";
import pg from "pg";
import { timeOf } from "../../lib/time-of.ts";
import { Database } from "../../mixins/database.ts";
import {
	addNotifications,
	claimMs,
	claimNotifications,
	finish,
	type Next,
	type Notification,
} from "../../services/notifier/deliveries/notifications.ts";
import {
	addNews,
	claimDue,
	claimDueStatement,
	claimMs as deciding,
	lookAgain,
	putOff,
	settle,
	type Unnotified,
} from "../../services/notifier/due/unnotified.ts";
import { query } from "../support/database.ts";
import { useDatabase } from "../support/use-node.ts";
import { useStarted } from "../support/use-started.ts";

jest.setTimeout(60_000);

const database = useDatabase();
const nodes = useStarted(
	async () => [new Database(database.url, () => {}), new Database(database.url, () => {})] as const,
	async (opened) => {
		for (const db of opened) await db.close();
	},
);

const nowMs = Date.parse("2026-03-01T12:00:00.000Z");

function news(changed: Partial<Unnotified> = {}): Unnotified {
	return {
		...{ conversationId: randomUUID(), userId: randomUUID(), channel: "push", isDeferred: false },
		...{ firstSeq: 1, firstAt: timeOf(nowMs - 60_000), lastSeq: 1, lastAt: timeOf(nowMs - 60_000), dueAt: timeOf(nowMs) },
		...changed,
	};
}

beforeEach(async () => {
	await query(database.url, "truncate unnotified, notifications");
});

describe("people who were not told yet", () => {
	test("two nodes never claim the same row", async () => {
		await addNews(
			nodes[0],
			Array.from({ length: 300 }, () => news()),
		);
		const claimed = await Promise.all(Array.from({ length: 20 }, (_, i) => claimDue(nodes[i % 2] as Database, nowMs, 20)));
		const keys = claimed.flat().map(({ conversationId }) => conversationId);
		expect(keys).toHaveLength(300);
		expect(new Set(keys).size).toBe(300);
	});

	test("what a node has claimed and not decided is due again when its claim ends", async () => {
		await addNews(nodes[0], [news()]);
		expect(await claimDue(nodes[0], nowMs, 10)).toHaveLength(1);
		expect(await claimDue(nodes[1], nowMs + deciding - 1, 10)).toHaveLength(0);
		expect(await claimDue(nodes[1], nowMs + deciding, 10)).toHaveLength(1);
		// The first node comes late: it may not decide any more.
	});

	test("a decision of a node whose claim has ended is ignored", async () => {
		await addNews(nodes[0], [news()]);
		const late = await claimDue(nodes[0], nowMs, 10);
		const current = await claimDue(nodes[1], nowMs + deciding, 10);
		expect(await nodes[0].transaction((transaction) => settle(transaction, late, nowMs))).toEqual([]);
		await putOff(
			nodes[0],
			late.map((row) => ({ ...row, untilMs: nowMs + 1e9 })),
		);
		expect(await nodes[1].transaction((transaction) => settle(transaction, current, nowMs))).toEqual(current);
		expect(await query(database.url, "select from unnotified")).toEqual([]);
	});

	test("a message that comes while its row is decided makes the row due again at once, with both messages", async () => {
		const first = news();
		await addNews(nodes[0], [first]);
		const claimed = await claimDue(nodes[0], nowMs, 10);
		await addNews(nodes[1], [{ ...first, firstSeq: 2, firstAt: timeOf(nowMs), lastSeq: 3, lastAt: timeOf(nowMs) }]);
		expect(await nodes[0].transaction((transaction) => settle(transaction, claimed, nowMs))).toEqual([]);
		expect(await claimDue(nodes[1], nowMs, 10)).toMatchObject([{ firstSeq: 1, lastSeq: 3 }]);
	});

	test("news that comes late changes nothing", async () => {
		const later = news({ lastSeq: 9 });
		await addNews(nodes[0], [later]);
		await addNews(nodes[0], [{ ...later, firstSeq: 4, lastSeq: 4, dueAt: timeOf(nowMs + 1e6) }]);
		expect(await claimDue(nodes[0], nowMs, 10)).toMatchObject([{ firstSeq: 1, lastSeq: 9 }]);
	});

	test("a row that was put off is looked at earlier when a reason for waiting ends", async () => {
		const row = news();
		await addNews(nodes[0], [row]);
		const claimed = await claimDue(nodes[0], nowMs, 10);
		await putOff(
			nodes[0],
			claimed.map((one) => ({ ...one, untilMs: nowMs + 3_600_000 })),
		);
		expect(await claimDue(nodes[0], nowMs + deciding, 10)).toEqual([]);
		await lookAgain(nodes[0], row.userId, row.conversationId, nowMs + deciding);
		expect(await claimDue(nodes[0], nowMs + deciding, 10)).toHaveLength(1);
	});

	test("with 200,000 rows and ten due, a look reads fewer than 200 blocks", async () => {
		await query(
			database.url,
			`insert into unnotified (conversation_id, user_id, channel, first_seq, first_at, last_seq, last_at, due_at)
			select gen_random_uuid(), 'person-' || n, 'push', 1, now(), 1, now(),
				case when n <= 10 then $1::timestamptz else $1::timestamptz + n * interval '1 s' end
			from generate_series(1, 200000) n order by random()`,
			[timeOf(nowMs)],
		);
		const sql = new pg.Client({ connectionString: database.url, options: "-c timezone=UTC" });
		await sql.connect();
		try {
			await sql.query("vacuum analyze unnotified");
			for (const mode of ["force_custom_plan", "force_generic_plan"]) {
				const blocks = await blocksOf(sql, mode, [timeOf(nowMs), timeOf(nowMs + deciding), 500]);
				expect({ mode, blocks: Math.max(blocks, 200) }).toEqual({ mode, blocks: 200 });
			}
		} finally {
			await sql.end();
		}
	});
});

describe("notifications", () => {
	const userId = randomUUID();
	const deviceId = randomUUID();
	const conversationId = randomUUID();

	const add = (seq: number) =>
		nodes[0].transaction((transaction) =>
			addNotifications(transaction, [
				{
					...{ userId, channel: "webpush", deviceId, conversationIds: [conversationId], seqs: [seq], isDigest: false },
					...{ messageAt: timeOf(nowMs), dueAt: timeOf(nowMs) },
				},
			]),
		);
	const claim = (db: Database, atMs = nowMs) => claimNotifications(db, "webpush", timeOf(atMs), timeOf(atMs + claimMs), 100);
	const sent: Next = { state: "SENT", dueAt: null, lastError: null, sentAt: timeOf(nowMs) };
	const stored = () => query(database.url, "select state, attempts, seqs::int[] as seqs, due_at from notifications order by id");

	test("thirty messages to a device that cannot be reached are one notification that grows", async () => {
		for (let seq = 1; seq <= 30; seq++) await add(seq);
		expect(await stored()).toMatchObject([{ state: "WAITING", seqs: [30] }]);
	});

	test("one that grew while it was sent is sent again", async () => {
		await add(1);
		const [claimed] = (await claim(nodes[0])) as [Notification];
		await add(2);
		await finish(nodes[0], [{ notification: claimed, next: sent }], timeOf(nowMs));
		expect(await stored()).toMatchObject([{ state: "WAITING", seqs: [2], due_at: new Date(nowMs) }]);
		const [again] = (await claim(nodes[1])) as [Notification];
		await finish(nodes[1], [{ notification: again, next: sent }], timeOf(nowMs));
		expect(await stored()).toMatchObject([{ state: "SENT", seqs: [2], due_at: null, attempts: 2 }]);
	});

	test("one that grows in the very moment in which it is finished is not lost", async () => {
		for (let round = 0; round < 30; round++) {
			await query(database.url, "truncate notifications");
			await add(1);
			const [claimed] = (await claim(nodes[0])) as [Notification];
			await Promise.all([finish(nodes[1], [{ notification: claimed, next: sent }], timeOf(nowMs)), add(2)]);
			expect(await query(database.url, "select from notifications where state = 'WAITING' and seqs = '{2}'")).toHaveLength(1);
		}
	});

	test("after a claim has ended, what its node says counts no more", async () => {
		await add(1);
		const [late] = (await claim(nodes[0])) as [Notification];
		const [current] = (await claim(nodes[1], nowMs + claimMs)) as [Notification];
		await finish(nodes[0], [{ notification: late, next: { ...sent, state: "DEAD" } }], timeOf(nowMs));
		expect(await stored()).toMatchObject([{ state: "WAITING" }]);
		await finish(nodes[1], [{ notification: current, next: sent }], timeOf(nowMs));
		expect(await stored()).toMatchObject([{ state: "SENT" }]);
	});

	test("two nodes never claim the same notification", async () => {
		await nodes[0].transaction((transaction) =>
			addNotifications(
				transaction,
				Array.from({ length: 500 }, () => ({
					...{ userId: randomUUID(), channel: "webpush" as const, deviceId: randomUUID(), isDigest: false },
					...{ conversationIds: [randomUUID()], seqs: [1], messageAt: timeOf(nowMs), dueAt: timeOf(nowMs) },
				})),
			),
		);
		const claimed = await Promise.all(Array.from({ length: 10 }, (_, i) => claim(nodes[i % 2] as Database)));
		expect(new Set(claimed.flat().map(({ id }) => id)).size).toBe(500);
		expect(claimed.flat()).toHaveLength(500);
	});
});

/** The blocks that a look for due rows reads and writes. It is rolled back. */
async function blocksOf(sql: pg.Client, mode: string, values: [string, string, number]): Promise<number> {
	await sql.query(`set plan_cache_mode = ${mode}`);
	await sql.query(`prepare looking as ${claimDueStatement.text}`);
	await sql.query("begin");
	const [now, until, limit] = values;
	const { rows } = await sql.query(`explain (analyze, buffers, format json) execute looking ('${now}', '${until}', ${limit})`);
	await sql.query("rollback");
	await sql.query("deallocate looking");
	const plan = rows[0]["QUERY PLAN"][0].Plan;
	expect(plan["Actual Rows"]).toBe(10);
	return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"];
}
