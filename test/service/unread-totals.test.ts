import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { Redis } from "ioredis";
import RedisMock from "ioredis-mock";
import { Database } from "../../mixins/database.ts";
import { UnreadTotals } from "../../services/conversations/unread-totals.ts";
import { markRead } from "../../services/messages/mark-read.ts";
import { type RedisServer, startRedis } from "../../testing/redis.ts";
import { until } from "../../testing/until.ts";
import { append } from "../support/append.ts";
import { bulkConversations } from "../support/bulk.ts";
import { createMigratedDatabase, query, type TestDatabase } from "../support/database.ts";

jest.setTimeout(120_000);

const quiet = { debug() {}, warn() {} };

describe.each(["a Redis server", "Redis in this process"])("with %s,", (kind) => {
	let database: TestDatabase;
	let folder: string;
	let server: RedisServer | undefined;
	let db: Database;
	let redis: Redis;

	beforeAll(async () => {
		database = await createMigratedDatabase();
		folder = mkdtempSync(join(tmpdir(), "parley-unread-"));
		if (kind === "a Redis server") server = await startRedis(folder);
		redis = server ? new Redis(server.url) : new RedisMock();
		db = new Database(database.url, () => {});
	});

	afterAll(async () => {
		redis.disconnect();
		await db.close();
		await server?.process.stop();
		rmSync(folder, { recursive: true });
		await database.drop();
	});

	test("after any interleaving of commits, rollbacks and readings, on two nodes, with Redis emptied or behind: totals are what the rows say", async () => {
		let fromSaved = 0;
		await fc.assert(
			fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
				const world = await aWorld(database.url, db, redis);
				try {
					for (const one of steps) await perform(world, one);
				} finally {
					for (const open of world.open.values()) await open.end(false);
				}
				await expectExact(world, 0);
				fromSaved += world.fromSaved;
			}),
			{ numRuns: 25 },
		);
		// Most answers came from a saved total, or nothing was tested.
		expect(fromSaved).toBeGreaterThan(40);
	});

	const wrong = { total: 4_711 };
	test.each<[what: string, spoil: (saved: string) => string]>([
		["is no JSON", () => "spoilt"],
		["has no snapshot", (saved) => changed(saved, { snapshot: "spoilt" })],
		["is of another database", (saved) => changed(saved, { ...wrong, identity: "another" })],
		["was summed long ago", (saved) => changed(saved, { ...wrong, summedAt: Date.now() / 1_000 - 700 })],
		["is far behind", (saved) => changed(saved, { ...wrong, lsn: "0/1" })],
		["leaves many transactions open", (saved) => changed(saved, { ...wrong, snapshot: "10:1000:10" })],
	])("a saved total that %s is not used", async (_what, spoil) => {
		const world = await aWorld(database.url, db, redis);
		await expectExact(world, 0);
		const key = `unread:${world.userIds[0]}`;
		const saved = await until(() => redis.get(key));
		await redis.set(key, spoil(saved));
		await expectExact(world, 1);
		expect(world.fromSaved).toBeLessThanOrEqual(1);
	});

	test("what was open when the total was saved is counted when it is committed, although later numbers were committed before", async () => {
		await answeredFromSaved(6, async () => {
			const world = await aWorld(database.url, db, redis);
			await expectExact(world, 0);
			const held = [0, 1].map((n) => begin(world, { conversation: n, byFirst: true, isRead: n === 1 }));
			const [sending, reading] = (await Promise.all(held)) as [Open, Open];
			try {
				await write(world, db, { conversation: 2, byFirst: true, isRead: false });
				await expectExact(world, 0);
				await sending.end(true);
				await expectExact(world, 1);
			} finally {
				for (const open of [sending, reading]) await open.end(true);
			}
			await expectExact(world, 0);
			return world;
		});
	});

	test("rows that a dump brought, with transaction numbers of the future, are not counted again", async () => {
		await answeredFromSaved(6, async () => {
			const world = await aWorld(database.url, db, redis);
			const [conversationId] = world.conversationIds;
			await query(database.url, "update messages set created_xid = '9000000000' where conversation_id = $1", [conversationId]);
			await expectExact(world, 0);
			for (let n = 1; n <= 3; n++) {
				await write(world, db, { conversation: 0, byFirst: true, isRead: false });
				await expectExact(world, n % 2);
			}
			return world;
		});
	});
});

const changed = (saved: string, change: object) => JSON.stringify({ ...JSON.parse(saved), ...change });

const conversation = fc.nat(5);
const byFirst = fc.boolean();
const step = fc.oneof(
	{ weight: 4, arbitrary: fc.record({ kind: fc.constant("send" as const), conversation, byFirst }) },
	{ weight: 2, arbitrary: fc.record({ kind: fc.constant("read" as const), conversation, byFirst, seq: fc.nat(12) }) },
	// What stays open until it ends, and holds its conversation meanwhile.
	{ weight: 2, arbitrary: fc.record({ kind: fc.constant("begin" as const), conversation, byFirst, isRead: fc.boolean() }) },
	{ weight: 3, arbitrary: fc.record({ kind: fc.constant("end" as const), conversation, commits: fc.boolean() }) },
	{ weight: 1, arbitrary: fc.record({ kind: fc.constant("open" as const) }) },
	{ weight: 5, arbitrary: fc.record({ kind: fc.constant("look" as const), node: fc.nat(1) }) },
	{ weight: 2, arbitrary: fc.record({ kind: fc.constant("refresh" as const), node: fc.nat(1) }) },
	{ weight: 1, arbitrary: fc.record({ kind: fc.constant("empty" as const) }) },
	{ weight: 1, arbitrary: fc.record({ kind: fc.constant("remember" as const) }) },
	{ weight: 1, arbitrary: fc.record({ kind: fc.constant("return" as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

interface Open {
	end(commits: boolean): Promise<void>;
}

interface World {
	url: string;
	db: Database;
	redis: Redis;
	nodes: UnreadTotals[];
	userIds: [string, string];
	conversationIds: string[];
	/** Transactions that have written to a conversation, by its number. */
	open: Map<number, Open>;
	remembered: [string, string][];
	fromSaved: number;
}

async function aWorld(url: string, db: Database, redis: Redis): Promise<World> {
	const userIds: [string, string] = [randomUUID(), randomUUID()];
	const [applicantId, employerId] = userIds;
	const conversationIds = await bulkConversations(url, { applicantId, employerId, count: 2_000, messages: 1 });
	const world = { url, redis, userIds, conversationIds, open: new Map(), remembered: [], fromSaved: 0 };
	const counting = Object.create(db, {
		query: {
			value: async (...args: Parameters<Database["query"]>) => {
				const rows = await db.query(...args);
				if (args[0].name === "conversations.unreadTotalsSince") result.fromSaved += rows.length;
				return rows;
			},
		},
		transaction: { value: db.transaction.bind(db) },
	}) as Database;
	const result: World = { ...world, db, nodes: [0, 1].map(() => new UnreadTotals(counting, redis, quiet)) };
	return result;
}

async function perform(world: World, one: Step): Promise<void> {
	const { db, redis, nodes, userIds, open } = world;
	switch (one.kind) {
		case "send":
		case "read":
			if (!open.has(one.conversation)) await write(world, db, { ...one, isRead: one.kind === "read" });
			break;
		case "begin":
			if (!open.has(one.conversation)) open.set(one.conversation, await begin(world, one));
			break;
		case "end":
			await open.get(one.conversation)?.end(one.commits);
			open.delete(one.conversation);
			break;
		case "open":
			world.conversationIds.unshift(...(await bulkConversations(world.url, { ...peopleOf(world), count: 1, messages: 2 })));
			world.conversationIds.splice(6, 1);
			for (const [, held] of open) await held.end(true);
			open.clear();
			break;
		case "look":
			await expectExact(world, one.node);
			break;
		case "refresh":
			await nodes[one.node]?.refresh();
			break;
		case "empty":
			await redis.flushall();
			break;
		case "remember":
			for (const id of userIds) {
				const saved = await redis.get(`unread:${id}`);
				if (saved) world.remembered.push([`unread:${id}`, saved]);
			}
			break;
		case "return":
			// Another node was slow: what it saves now is old.
			for (const [key, saved] of world.remembered) await redis.set(key, saved);
			break;
		default:
			one satisfies never;
	}
}

const peopleOf = ({ userIds: [applicantId, employerId] }: World) => ({ applicantId, employerId });

interface Write {
	conversation: number;
	byFirst: boolean;
	isRead: boolean;
	seq?: number;
}

async function write({ userIds, conversationIds }: World, db: Database, { conversation, byFirst, isRead, seq }: Write) {
	const conversationId = conversationIds[conversation] as string;
	const senderId = userIds[byFirst ? 0 : 1];
	if (isRead) {
		await markRead(db, conversationId, senderId, seq ?? null);
		return;
	}
	const draft = { conversationId, senderId, clientId: randomUUID(), type: "TEXT" as const, content: "x" };
	await append(db, [{ ...draft, imageId: null, image: null, replyToSeq: null, metadata: {} }]);
}

/** Resolves when the transaction has written. */
async function begin(world: World, one: Write): Promise<Open> {
	const written = Promise.withResolvers<void>();
	const ending = Promise.withResolvers<boolean>();
	const ended = world.db
		.transaction(async (transaction) => {
			// A transaction has the same `query`, which is all that is used.
			await write(world, transaction as unknown as Database, one);
			written.resolve();
			if (!(await ending.promise)) throw new Error("rolled back");
		})
		.catch((error: Error) => {
			if (error.message !== "rolled back") throw error;
		});
	await Promise.race([written.promise, ended]);
	return {
		async end(commits) {
			ending.resolve(commits);
			await ended;
		},
	};
}

async function expectExact({ url, nodes, userIds }: World, node: number): Promise<void> {
	const totals = await (nodes[node] as UnreadTotals).of([...userIds]);
	for (const userId of userIds) {
		const [counted] = await query<{ total: number; heads: number }>(url, countedSql, [userId]);
		const { total, totalLastSeq } = totals.get(userId) ?? {};
		expect({ total, totalLastSeq }).toEqual({ total: counted?.total, totalLastSeq: counted?.heads });
	}
}

/**
 * Repeats a scenario until so many of its answers came from saved totals. Other tests write to the same server, and when they write much
 * in between, a total is summed.
 */
async function answeredFromSaved(count: number, scenario: () => Promise<World>): Promise<void> {
	let fromSaved = 0;
	for (let attempt = 0; attempt < 20 && fromSaved < count; attempt++) fromSaved = (await scenario()).fromSaved;
	expect(fromSaved).toBe(count);
}

/** Row by row, as nobody else counts. */
const countedSql = `
	select count(*) filter (where m.sender_id <> p.user_id and m.seq > p.read_seq)::int as total, count(*)::int as heads
	from participants p join messages m using (conversation_id) where p.user_id = $1`;
