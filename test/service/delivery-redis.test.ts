import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RedisServer, startRedis } from "../../testing/redis.ts";
import { until } from "../../testing/until.ts";
import { startBrokers, type TestNode, tokenOf } from "../support/broker.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/database.ts";
import { connect, disconnect } from "../support/gateway.ts";
import { openConversation, send } from "../support/platform.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

let folder: string;
let server: RedisServer;
let redis: TcpProxy;
let database: TestDatabase;
let nodes: [TestNode, ...TestNode[]];

beforeAll(async () => {
	folder = mkdtempSync(join(tmpdir(), "parley-delivery-"));
	server = await startRedis(folder);
	redis = await TcpProxy.before(server.url);
	database = await createMigratedDatabase();
	const env = { REDIS_URL: redis.url };
	nodes = await startBrokers(
		{ databaseUrl: database.url, env, services: ["conversations", "directory", "gateway", "messages", "presence"] },
		{ databaseUrl: database.url, env, services: ["gateway"] },
	);
}, 30_000);

afterAll(async () => {
	for (const node of nodes) await node.stop();
	await redis.close();
	await server.process.stop();
	await database.drop();
	rmSync(folder, { recursive: true });
});

test("while Redis does not answer, a push waits for it at most once a second", async () => {
	const [node, other] = nodes as [TestNode, TestNode];
	const { conversationId, applicantId, employerId } = await openConversation(node.calls);
	const recipient = await connect(other, await tokenOf(employerId));
	const received = new Set<string>();
	recipient.on("message_received", ({ message }: { message: { id: string } }) => received.add(message.id));
	const delayMs = async () => {
		const fromMs = performance.now();
		const { id } = await send(node.calls, conversationId, applicantId);
		await until(() => received.has(id), { intervalMs: 1 });
		return performance.now() - fromMs;
	};
	await delayMs();

	redis.blackHole({ newToo: true });
	const delays: number[] = [];
	const endMs = performance.now() + 3_000;
	while (performance.now() < endMs) delays.push(await delayMs());
	const late = delays.filter((ms) => ms > 250);
	expect(late.length).toBeLessThanOrEqual(3);
	expect(delays.length).toBeGreaterThan(50);

	redis.pass();
	redis.reset();
	await until(() => node.calls.call("presence.locate", { userIds: [employerId] }));
	await disconnect(other, recipient);
}, 20_000);
