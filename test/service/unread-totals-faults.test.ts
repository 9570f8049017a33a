import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Database } from "../../mixins/database.ts";
import type { ServerEvents } from "../../services/gateway/gateway.contract.ts";
import { type RedisServer, startRedis } from "../../testing/redis.ts";
import { eventually, until } from "../../testing/until.ts";
import { append } from "../support/append.ts";
import { as, startBrokers, type TestNode } from "../support/broker.ts";
import { bulkConversations } from "../support/bulk.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/database.ts";
import { registerUser, send } from "../support/platform.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { type HeardPush, recordingGateway } from "../support/watchers.ts";

jest.setTimeout(60_000);

const pushes: HeardPush[] = [];
let folder: string;
let server: RedisServer;
let redis: TcpProxy;
let database: TestDatabase;
let db: Database;
let nodes: [TestNode, ...TestNode[]];

beforeAll(async () => {
	folder = mkdtempSync(join(tmpdir(), "parley-unread-"));
	server = await startRedis(folder);
	redis = await TcpProxy.before(server.url);
	database = await createMigratedDatabase();
	db = new Database(database.url, () => {});
	const [databaseUrl, env] = [database.url, { REDIS_URL: redis.url }];
	nodes = await startBrokers(
		{ databaseUrl, env, services: ["conversations", "directory", "messages", "presence"], others: [recordingGateway(pushes)] },
		{ databaseUrl, env, services: ["conversations"] },
	);
}, 30_000);

afterAll(async () => {
	for (const node of nodes) await node.stop();
	await db.close();
	await redis.close();
	await server.process.stop();
	await database.drop();
	rmSync(folder, { recursive: true });
});

/** Somebody with 600 conversations and one unread message in each. */
async function aReader() {
	const [employerId, applicantId] = [await registerUser(nodes[0].calls), await registerUser(nodes[0].calls)];
	const ids = await bulkConversations(database.url, {
		applicantId: employerId,
		employerId: applicantId,
		count: 600,
		messages: 1,
	});
	return { readerId: employerId, writerId: applicantId, ids, unread: 600 };
}

/** Over every node that answers. */
async function countsOf(userId: string): Promise<number[]> {
	return Promise.all(
		nodes.map(async ({ calls, broker }) => {
			const { nodeID } = broker;
			return (await calls.call("conversations.unreadCount", {}, { ...as(userId), nodeID })).count;
		}),
	);
}

test("a message that no node was told of is counted, on every node, by the next question", async () => {
	const { readerId, writerId, ids, unread } = await aReader();
	expect(await countsOf(readerId)).toEqual([unread, unread]);
	for (let n = 1; n <= 5; n++) {
		const draft = { conversationId: ids[n] as string, senderId: writerId, clientId: randomUUID(), content: "x", metadata: {} };
		await append(db, [{ ...draft, type: "TEXT", imageId: null, image: null, replyToSeq: null }]);
		expect(await countsOf(readerId)).toEqual([unread + n, unread + n]);
	}
});

test("whoever sends or reads and then asks gets the right count, while Redis is emptied, killed and started again", async () => {
	const reader = await aReader();
	const { readerId, writerId, ids } = reader;
	let { unread } = reader;
	let isDone = false;
	const faults = (async () => {
		for (let n = 0; !isDone; n++) {
			if (n % 4 === 3) {
				await server.process.kill();
				await server.process.start();
			} else {
				await server.flush();
			}
			await new Promise((resolve) => setTimeout(resolve, 20));
		}
	})();
	const calls = nodes[0].calls;
	try {
		for (let n = 0; n < 100; n++) {
			const conversationId = ids[n % 30] as string;
			if (n % 3 === 2) {
				const before = await calls.call("conversations.unreadCount", { conversationId }, as(readerId));
				const after = await calls.call("messages.markRead", { conversationId }, as(readerId));
				unread -= before.count - after.unreadCount;
			} else {
				await send(calls, conversationId, writerId);
				unread++;
			}
			expect(await countsOf(readerId)).toEqual([unread, unread]);
		}
	} finally {
		isDone = true;
		await faults;
	}
});

test("while Redis does not answer, totals are right, and at most one question a second waits for it", async () => {
	const { readerId, ids, writerId, unread } = await aReader();
	await until(async () => (await countsOf(readerId)).every((count) => count === unread));
	redis.blackHole({ newToo: true });
	const delays: number[] = [];
	const endMs = performance.now() + 2_500;
	let sent = 0;
	while (performance.now() < endMs) {
		await send(nodes[0].calls, ids[0] as string, writerId);
		sent++;
		const fromMs = performance.now();
		expect(await countsOf(readerId)).toEqual([unread + sent, unread + sent]);
		delays.push(performance.now() - fromMs);
	}
	redis.pass();
	redis.reset();
	expect(delays.filter((ms) => ms > 400).length).toBeLessThanOrEqual(4);
	expect(Math.max(...delays)).toBeLessThan(2_000);
	expect(delays.length).toBeGreaterThan(10);
});

test("events have the exact total, and the sum of the newest seqs", async () => {
	const { readerId, writerId, ids, unread } = await aReader();
	for (let n = 1; n <= 3; n++) await send(nodes[0].calls, ids[n] as string, writerId);
	const last = { total: unread + 3, totalLastSeq: unread + 3 };
	await eventually(() => expect(newestCount(readerId)).toMatchObject(last));
	await nodes[0].calls.call("messages.markRead", { conversationId: ids[1] as string }, as(readerId));
	const read = { conversationId: ids[1], count: 0, lastSeq: 2, total: unread + 1, totalLastSeq: unread + 3 };
	await eventually(() => expect(newestCount(readerId, ids[1])).toEqual(read));
});

/**
 * The newest count, or the newest of one conversation. Counts of two nodes may overtake each other: the one that knows of more
 * messages is newer, or with as many the one with the lower total.
 */
function newestCount(userId: string, conversationId?: string): Count | undefined {
	const counts = pushes.flatMap((push) =>
		push.userId === userId && push.event === "unread_count" ? [push.payload as Count] : [],
	);
	return counts
		.filter((count) => conversationId === undefined || count.conversationId === conversationId)
		.toSorted((one, other) => other.totalLastSeq - one.totalLastSeq || one.total - other.total)[0];
}

type Count = ServerEvents["unread_count"];
