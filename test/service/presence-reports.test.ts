import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { PresenceReporter } from "../../services/gateway/presence-reporter.ts";
import { type ClientSocket, Sockets } from "../../services/gateway/sockets.ts";
import presence from "../../services/presence/presence.service.ts";
import { type RedisServer, startRedis } from "../../testing/redis.ts";
import { eventually, until } from "../../testing/until.ts";
import { startBroker, type TestNode, tokenOf } from "../support/broker.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/database.ts";
import { connect, disconnect } from "../support/gateway.ts";
import { registerUser } from "../support/platform.ts";

jest.setTimeout(40_000);

let database: TestDatabase;
let folder: string;
let server: RedisServer;
let redis: Redis;
let node: TestNode;
let other: TestNode;

beforeAll(async () => {
	database = await createMigratedDatabase();
	folder = mkdtempSync(join(tmpdir(), "parley-presence-"));
	server = await startRedis(folder);
	redis = new Redis(server.url);
	const [databaseUrl, env] = [database.url, { REDIS_URL: server.url }];
	node = await startBroker({ databaseUrl, env });
	other = await startBroker({ databaseUrl, env, services: ["presence"] });
});

afterAll(async () => {
	await other.stop();
	await node.stop();
	redis.disconnect();
	await server.process.stop();
	rmSync(folder, { recursive: true });
	await database.drop();
});

test("somebody who connects while the only presence node restarts waits half a second, and is registered once it is back", async () => {
	const userId = await registerUser(node.calls);
	const token = await tokenOf(userId);
	const { nodeID } = node.broker;
	await until(async () => (await node.calls.call("presence.locate", { userIds: [] })).reporting.includes(nodeID), {
		timeoutMs: 15_000,
	});
	await node.broker.destroyService("presence");
	const startedMs = performance.now();
	const client = await connect(node, token);
	expect(performance.now() - startedMs).toBeLessThan(1_500);
	node.broker.createService(presence);
	await eventually(async () => {
		expect(await nodesOf(userId)).toEqual([nodeID]);
	});
	await eventually(async () => {
		expect(await statusOf(userId)).toBe("online");
	});
	await disconnect(node, client);
	await until(async () => (await nodesOf(userId)).length === 0);
});

test("what a Redis has lost of a gateway's reports (a failover to a copy that was behind) is reported anew", async () => {
	const [early, late] = [await registerUser(node.calls), await registerUser(node.calls)];
	const { nodeID } = node.broker;
	const clients = [await connect(node, await tokenOf(early))];
	const keys = [`users:${nodeID}`, `gateway:${nodeID}`];
	const copies = await Promise.all(keys.map((key) => redis.dumpBuffer(key)));
	clients.push(await connect(node, await tokenOf(late)));
	await until(async () => (await nodesOf(late)).length === 1);
	for (const [i, key] of keys.entries()) {
		const copy = copies[i];
		await redis.del(key);
		// Today's registry has no such key.
		if (copy) await redis.restore(key, 0, copy, "REPLACE");
	}
	await redis.del(`sockets:${late}`);
	expect(await nodesOf(late)).toEqual([]);
	await eventually(
		async () => {
			expect(await nodesOf(late)).toEqual([nodeID]);
		},
		{ timeoutMs: 12_000 },
	);
	expect(await nodesOf(early)).toEqual([nodeID]);
	await disconnect(node, ...clients);
});

test("a gateway of which the registry knows somebody who is not there has them removed", async () => {
	const [here, ghost] = [await registerUser(node.calls), `ghost-${randomUUID()}`];
	const { nodeID } = node.broker;
	const client = await connect(node, await tokenOf(here));
	await redis.hset(`sockets:${ghost}`, nodeID, "online");
	await redis.hset(`users:${nodeID}`, ghost, "1 1");
	await eventually(
		async () => {
			expect(await nodesOf(ghost)).toEqual([]);
		},
		{ timeoutMs: 12_000 },
	);
	expect(await nodesOf(here)).toEqual([nodeID]);
	await disconnect(node, client);
});

test("a report that arrives after a newer one, or twice, undoes nothing, on whatever node it arrives", async () => {
	const [nodeId, userId] = [randomUUID(), randomUUID()];
	const say = (number: number, status: "online" | "offline", { calls } = node) =>
		calls.call("presence.report", { nodeId, number, users: [{ userId, status }] });
	await node.calls.call("presence.report", { nodeId, number: 1, users: [], since: 1 });
	await say(2, "online");
	await say(4, "offline");
	await say(3, "online", other);
	await say(2, "online", other);
	expect(await nodesOf(userId)).toEqual([]);
	await say(5, "online", other);
	await say(5, "online", node);
	await say(4, "offline", node);
	expect(await nodesOf(userId)).toEqual([nodeId]);
});

test("a gateway that reports everybody keeps those whom it names, and loses only those whom it does not", async () => {
	const nodeId = randomUUID();
	const [stays, goes, comes] = [randomUUID(), randomUUID(), randomUUID()];
	const online = (...userIds: string[]) => userIds.map((userId) => ({ userId, status: "online" as const }));
	const { calls } = node;
	await calls.call("presence.report", { nodeId, number: 1, users: online(stays, goes), since: 1 });
	await calls.call("presence.report", { nodeId, number: 2, users: online(stays) });
	await calls.call("presence.report", { nodeId, number: 3, users: online(comes) });
	expect(await nodesOf(goes)).toEqual([nodeId]);
	await calls.call("presence.report", { nodeId, number: 4, users: [], since: 2 });
	expect([await nodesOf(stays), await nodesOf(goes), await nodesOf(comes)]).toEqual([[nodeId], [], [nodeId]]);
});

test("a gateway learns who was registered late, and when the registry has everybody again after it had lost them", async () => {
	const userIds = Array.from({ length: 2_500 }, () => randomUUID()).sort();
	const gateway = await startBroker({ databaseUrl: database.url, services: [], env: { REDIS_URL: server.url } });
	const { nodeID } = gateway.broker;
	const sockets = new Sockets();
	const late: string[] = [];
	const onLost = jest.fn();
	const reporter = new PresenceReporter(gateway.broker, sockets, { onLate: (ids) => late.push(...ids), onLost });
	try {
		// Nobody speaks to these sockets: a reporter looks only at what they know about themselves.
		for (const userId of userIds) sockets.add(userId, { data: {} } as ClientSocket);
		const startedMs = performance.now();
		await Promise.all(userIds.map((userId) => reporter.report(userId)));
		expect(performance.now() - startedMs).toBeLessThan(1_500);
		expect(late).toEqual([]);

		gateway.broker.createService(presence);
		await until(() => late.length === userIds.length);
		expect(late.sort()).toEqual(userIds);
		await reporter.renew();
		await until(() => onLost.mock.calls.length === 1);
		expect(await located(userIds)).toBe(userIds.length);
		await redis.multi().zrem("gateways", nodeID).del(`users:${nodeID}`).del(`gateway:${nodeID}`).exec();
		await redis.del(userIds.slice(0, 2_000).map((userId) => `sockets:${userId}`));
		expect(await located(userIds)).toBe(0);
		await reporter.renew();
		await until(() => onLost.mock.calls.length === 2);
		expect(await located(userIds)).toBe(userIds.length);
		expect(late).toHaveLength(userIds.length);
	} finally {
		await reporter.leave();
		await gateway.stop();
	}
	expect(await located(userIds)).toBe(0);
});

/** Of how many of the users a gateway is known. */
async function located(userIds: string[]): Promise<number> {
	return Object.keys((await node.calls.call("presence.locate", { userIds })).nodes).length;
}

async function nodesOf(userId: string): Promise<string[]> {
	return (await node.calls.call("presence.locate", { userIds: [userId] })).nodes[userId] ?? [];
}

async function statusOf(userId: string) {
	const [one] = await node.calls.call("presence.lookup", { userIds: [userId] });
	return one?.status;
}
