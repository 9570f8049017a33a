import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { io } from "socket.io-client";
import { publicError } from "../../lib/errors.ts";
import { routes } from "../../services/gateway/routes.ts";
import { type RedisServer, startRedis } from "../../testing/redis.ts";
import { until } from "../../testing/until.ts";
import { as, asPlatform } from "../support/broker.ts";
import { caller, type MediaNode, type Person, startMediaNode } from "../support/media-node.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

jest.setTimeout(60_000);

/** Within which a node serves again after any fault. */
const healedWithinMs = 8_000;

let folder: string;
let redisServer: RedisServer;
let redis: TcpProxy;
let node: MediaNode;
let alice: Person;
let platform: Person;
let ids: Record<string, string>;
let bodies: Record<string, object>;

beforeAll(async () => {
	folder = mkdtempSync(join(tmpdir(), "parley-outages-"));
	redisServer = await startRedis(folder);
	redis = await TcpProxy.before(redisServer.url);
	// The limits count in Redis, for everybody who asks.
	node = await startMediaNode({
		REDIS_URL: redis.url,
		RATE_LIMIT_QUERIES: "1000000/second",
		RATE_LIMIT_MESSAGES: "1000000/second",
	});
	const { id: conversationId, alice: one, bob } = await node.conversation();
	alice = one;
	platform = await caller(node.url, "platform", "platform");
	const send = { clientId: randomUUID(), content: "hello" };
	const { body: message } = await alice.fetch("POST", `/conversations/${conversationId}/messages`, send);
	const upload = { filename: "a.png", mimeType: "image/png", fileSize: 100 };
	const images = `/conversations/${conversationId}/messages/images`;
	const { body: image } = await alice.fetch("POST", `${images}/upload-url`, upload);
	const applicationId = randomUUID();
	const application = { applicantId: alice.id, employerId: bob.id, jobTitle: "Baker", status: "NEW" };
	await platform.fetch("PUT", `/platform/applications/${applicationId}`, application);
	ids = { conversationId, messageId: message.id, imageId: image.imageId, userId: bob.id };
	bodies = {
		"conversations.create": { jobApplicationId: applicationId },
		"conversations.mute": { until: null },
		"messages.markRead": {},
		"messages.send": send,
		"messages.search": { q: "hello" },
		"media.requestUpload": upload,
		"media.confirm": { imageId: image.imageId },
		"users.put": { name: "Somebody" },
		"applications.put": application,
	};
}, 60_000);

afterAll(async () => {
	await node?.stop();
	await redis?.close();
	await redisServer?.process.stop();
	rmSync(folder, { recursive: true });
});

afterEach(async () => {
	for (const proxy of [node.postgres, redis]) {
		proxy.pass();
		proxy.reset();
	}
	await until(async () => (await failures()).length === 0, { timeoutMs: 20_000, intervalMs: 200 });
});

/** The last value says how a handshake with a valid token ends during the outage. */
const outages: [string, () => void, string][] = [
	["PostgreSQL refuses every connection", () => node.postgres.down(), "UNAVAILABLE"],
	["PostgreSQL does not answer", () => node.postgres.blackHole({ newToo: true }), "UNAVAILABLE"],
	["Redis refuses every connection", () => redis.down(), "connected"],
	["Redis does not answer", () => redis.blackHole({ newToo: true }), "connected"],
];

test.each(outages)("while %s, no route, no action behind one and no handshake is INTERNAL", async (_what, strike, expected) => {
	expect(await failures()).toEqual([]);
	strike();
	// Some wait for a time-out, others come when it is known: both are asked.
	for (let round = 0; round < 2; round++) {
		const [answers, connected, called] = await Promise.all([askAll(), handshake(), callAll()]);
		expect(answers.filter(({ code }) => code !== "served" && code !== "UNAVAILABLE")).toEqual([]);
		expect(called.filter(({ code }) => code === "INTERNAL")).toEqual([]);
		expect(connected).toBe(expected);
	}
});

test("while PostgreSQL is away, clients are told to try again", async () => {
	node.postgres.down();
	expect(await handshake()).toBe("UNAVAILABLE");
	expect((await alice.fetch("GET", "/conversations")).status).toBe(503);
});

test("while Redis is away, everything but presence goes on", async () => {
	redis.down();
	expect(await handshake()).toBe("connected");
	expect(await failures()).toEqual([`GET /users/:userId/presence: UNAVAILABLE`]);
});

test.each<[string, () => void]>([
	["PostgreSQL", () => node.postgres.blackHole()],
	["Redis", () => redis.blackHole()],
])("it serves again within seconds after its connections to %s were cut without a word", async (_what, strike) => {
	// The routes archive their conversation; this one stays open.
	const { id: writersId, alice: writer } = await node.conversation();
	await Promise.all(Array.from({ length: 5 }, () => askAll()));
	strike();
	const fromMs = performance.now();
	const message = { clientId: randomUUID(), content: "hello" };
	const send = () => writer.fetch("POST", `/conversations/${writersId}/messages`, message);
	const sends = until(async () => (await send()).status < 300, { timeoutMs: healedWithinMs });
	const routesAnswer = until(async () => (await failures()).length === 0, { timeoutMs: healedWithinMs });
	await Promise.all([sends, routesAnswer]);
	expect(performance.now() - fromMs).toBeLessThan(healedWithinMs);
	const stored = await node.sql("select from messages where client_id = $1", [message.clientId]);
	expect(stored).toHaveLength(1);
});

interface Asked {
	route: string;
	code: string;
}

/** Every route once, as somebody who may. */
function askAll(): Promise<Asked[]> {
	return Promise.all(
		Object.entries(routes).map(async ([route, action]) => {
			const [method = "", pattern = ""] = route.split(" ");
			const somebody = pattern.startsWith("/platform") ? platform : alice;
			const path = pattern.replace(/:(\w+)/g, (_, name: string) => ids[name] ?? `new-${randomUUID()}`);
			const body = bodies[action];
			const query = method === "GET" && body ? `?${new URLSearchParams(body as Record<string, string>)}` : "";
			const answer = await somebody.fetch(method, path + query, method === "GET" ? undefined : body);
			return { route, code: answer.status < 500 ? "served" : answer.body.error.code };
		}),
	);
}

/** The routes that are not served. */
async function failures(): Promise<string[]> {
	return (await askAll()).filter(({ code }) => code !== "served").map(({ route, code }) => `${route}: ${code}`);
}

/** The actions behind the routes, without looking who asks. */
function callAll(): Promise<Asked[]> {
	const actions = [...new Set(Object.values(routes))];
	return Promise.all(
		actions.map(async (action) => {
			const isPlatforms = /^(users|applications)\./.test(action);
			const params = { id: `new-${randomUUID()}`, ...ids, ...bodies[action] };
			try {
				await node.broker.call(action, params, isPlatforms ? asPlatform : as(alice.id));
				return { route: action, code: "served" };
			} catch (error) {
				return { route: action, code: publicError(error).code };
			}
		}),
	);
}

function handshake(): Promise<string> {
	const socket = io(`${node.url}/messaging`, {
		...{ transports: ["websocket"], forceNew: true, reconnection: false },
		auth: { token: alice.token },
	});
	return new Promise<string>((resolve) => {
		socket.on("connect", () => resolve("connected"));
		socket.on("connect_error", (error) => resolve((error as Error & { data?: { code: string } }).data?.code ?? String(error)));
	}).finally(() => socket.close());
}
