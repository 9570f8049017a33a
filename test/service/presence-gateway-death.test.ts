import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import presence from "../../services/presence/presence.service.ts";
import { type RedisServer, startRedis } from "../../testing/redis.ts";
import { eventually, until } from "../../testing/until.ts";
import { startBrokers, type TestNode } from "../support/broker.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/database.ts";
import { countStatuses, cutOff, reportEverybody, shareConversations } from "../support/presence.ts";
import { type HeardPush, recordingGateway } from "../support/watchers.ts";

jest.setTimeout(90_000);

const userCount = 20_000;

let database: TestDatabase;
let folder: string;
let server: RedisServer;
let redis: Redis;
let nodes: TestNode[];
let userIds: string[];
let observerId: string;
const heard: HeardPush[] = [];

beforeEach(async () => {
	database = await createMigratedDatabase();
	folder = mkdtempSync(join(tmpdir(), "parley-presence-"));
	server = await startRedis(folder);
	redis = new Redis(server.url);
	userIds = Array.from({ length: userCount }, () => randomUUID());
	observerId = randomUUID();
	heard.length = 0;
	await shareConversations(database.url, observerId, userIds);
});

afterEach(async () => {
	for (const node of nodes) await node.stop();
	redis.disconnect();
	await server.process.stop();
	rmSync(folder, { recursive: true });
	await database.drop();
});

test("when a gateway of 20,000 people dies, all are offline in the end, which is told once of each, by two presence nodes", async () => {
	const [front, , gateway] = await start("presence");
	await haveEverybodyOnline(front, gateway);
	await gateway.stop();
	await expectAllOffline(front);
	expect(timesHeard("user_offline")).toEqual({ 1: userCount });
});

test("when the presence node that removes a dead gateway of 20,000 people is killed half way, another goes on", async () => {
	const [front, victim, gateway] = await start();
	await haveEverybodyOnline(victim, gateway);
	const before = await redis.hlen(`users:${gateway.broker.nodeID}`);
	await gateway.stop();
	await until(async () => (await redis.hlen(`users:${gateway.broker.nodeID}`)) < before, { timeoutMs: 20_000, intervalMs: 1 });
	await cutOff(victim);
	const left = await redis.hlen(`users:${gateway.broker.nodeID}`);
	expect(left).toBeGreaterThan(0);
	expect(left).toBeLessThan(userCount);
	await victim.stop();
	front.broker.createService(presence);
	await front.broker.waitForServices("presence", 10_000, 10);
	await expectAllOffline(front);
	expect(timesHeard("user_offline")).toEqual({ 1: userCount });
	expect(await redis.keys("users:*")).toEqual([]);
	expect(await redis.keys("sockets:*")).toEqual([]);
	expect(await redis.zcard("leases")).toBe(0);
});

/** Where the observer's sockets are, a node with presence, and a gateway that is to die. */
async function start(...frontServices: "presence"[]): Promise<[TestNode, TestNode, TestNode]> {
	const [databaseUrl, env] = [database.url, { REDIS_URL: server.url }];
	nodes = await startBrokers(
		{ databaseUrl, env, services: ["conversations", "directory", ...frontServices], others: [recordingGateway(heard)] },
		{ databaseUrl, env, services: ["presence"] },
		{ databaseUrl, env, services: [], others: [recordingGateway([])] },
	);
	return nodes as [TestNode, TestNode, TestNode];
}

async function haveEverybodyOnline({ calls }: TestNode, gateway: TestNode): Promise<void> {
	await reportEverybody(calls, gateway.broker.nodeID, userIds);
	await until(async () => (await countStatuses(calls, userIds)).online === userCount, { timeoutMs: 20_000, intervalMs: 100 });
	await until(() => heard.filter(({ event }) => event === "user_online").length === userCount, { timeoutMs: 20_000 });
	expect(timesHeard("user_online")).toEqual({ 1: userCount });
}

async function expectAllOffline({ calls }: TestNode): Promise<void> {
	await eventually(
		async () => {
			expect(await countStatuses(calls, userIds)).toEqual({ offline: userCount });
		},
		{
			timeoutMs: 45_000,
			intervalMs: 200,
		},
	);
	await until(() => Object.values(timesHeard("user_offline")).reduce((a, b) => a + b, 0) === userCount, { timeoutMs: 20_000 });
}

/** How many people the observer has heard this of, by how often. */
function timesHeard(event: string): Record<number, number> {
	const times = new Map<string, number>();
	for (const push of heard) {
		const { userId } = push.payload as { userId: string };
		if (push.event === event && push.userId === observerId) times.set(userId, (times.get(userId) ?? 0) + 1);
	}
	const counts: Record<number, number> = {};
	for (const count of times.values()) counts[count] = (counts[count] ?? 0) + 1;
	return counts;
}
