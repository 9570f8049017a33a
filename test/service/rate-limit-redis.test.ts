import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RedisServer, startRedis } from "../../testing/redis.ts";
import { until } from "../../testing/until.ts";
import { startBroker, type TestNode, tokenOf } from "../support/broker.ts";
import { openConversation } from "../support/platform.ts";
import { quotaOf, request } from "../support/rest.ts";
import { useDatabase } from "../support/use-node.ts";

jest.setTimeout(60_000);

let folder: string;
let redis: RedisServer;
let one: TestNode;
let other: TestNode;

const database = useDatabase();

beforeEach(async () => {
	folder = mkdtempSync(join(tmpdir(), "parley-redis-"));
	redis = await startRedis(folder);
	const env = { REDIS_URL: redis.url, RATE_LIMIT_MESSAGES: "4/hour", RATE_LIMIT_AUTH_FAILURES: "2/minute" };
	one = await startBroker({ databaseUrl: database.url, env });
	other = await startBroker({ databaseUrl: database.url, env });
});

afterEach(async () => {
	for (const node of [one, other]) await node.stop();
	await redis.process.stop();
	rmSync(folder, { recursive: true });
});

test("all nodes count together", async () => {
	const send = await aSender();
	expect([await send(one), await send(other), await send(one), await send(other)]).toEqual([
		[201, 3],
		[201, 2],
		[201, 1],
		[201, 0],
	]);
	expect([await send(one), await send(other)]).toEqual([
		[429, 0],
		[429, 0],
	]);
	const fail = async (node: TestNode) => (await request(node, "forged", "GET /conversations")).status;
	expect([await fail(one), await fail(other), await fail(one), await fail(other)]).toEqual([401, 401, 429, 429]);
});

test("a resend is given back for all nodes", async () => {
	const send = await aSender();
	const clientId = randomUUID();
	expect([await send(one, clientId), await send(other, clientId), await send(one, clientId), await send(other)]).toEqual([
		[201, 3],
		[200, 3],
		[200, 3],
		[201, 2],
	]);
});

test("without Redis each node goes on counting by itself; with it, they count together again", async () => {
	const send = await aSender();
	await send(one);
	await redis.process.kill();
	for (const node of [one, other]) {
		for (const remaining of [3, 2, 1, 0]) expect(await send(node)).toEqual([201, remaining]);
		expect(await send(node)).toEqual([429, 0]);
		expect(node.log.filter((line) => line.startsWith("warn Redis does not answer"))).toHaveLength(1);
	}

	await redis.process.start();
	for (const node of [one, other]) await until(() => node.log.some((line) => line.startsWith("info Redis answers again")));
	expect([await send(one), await send(other)]).toEqual([
		[201, 3],
		[201, 2],
	]);
});

test("a Redis that hangs delays one caller a second, by a quarter of one", async () => {
	const [send, sendAnother] = [await aSender(), await aSender()];
	await send(one);
	redis.process.freeze();
	expect(await send(one)).toEqual([201, 3]);
	const startMs = performance.now();
	for (const remaining of [3, 2, 1]) expect(await sendAnother(one)).toEqual([201, remaining]);
	expect(performance.now() - startMs).toBeLessThan(3 * 250);

	redis.process.thaw();
	await until(async () => {
		await sendAnother(one);
		return one.log.some((line) => line.startsWith("info Redis answers again"));
	});
	const sendLater = await aSender();
	expect([await sendLater(one), await sendLater(other)]).toEqual([
		[201, 3],
		[201, 2],
	]);
});

test("a node starts without Redis, and joins in when it comes", async () => {
	await redis.process.kill();
	const env = { REDIS_URL: redis.url, RATE_LIMIT_MESSAGES: "4/hour" };
	const late = await startBroker({ databaseUrl: database.url, env });
	try {
		const send = await aSender();
		expect(await send(late)).toEqual([201, 3]);
		await redis.process.start();
		await until(() => late.log.some((line) => line.startsWith("info Redis answers again")));
		await until(() => one.log.some((line) => line.startsWith("info Redis answers again")));
		expect([await send(late), await send(one)]).toEqual([
			[201, 3],
			[201, 2],
		]);
	} finally {
		await late.stop();
	}
});

/** Somebody who sends, and hears the status and what remains. */
async function aSender() {
	const { conversationId, applicantId } = await openConversation(one.calls);
	const token = await tokenOf(applicantId);
	return async (node: TestNode, clientId: string = randomUUID()) => {
		const answer = await request(node, token, `POST /conversations/${conversationId}/messages`, { clientId, content: "Hello" });
		return [answer.status, quotaOf(answer)[1]];
	};
}
