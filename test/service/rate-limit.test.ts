import { randomUUID } from "node:crypto";
import type { Socket } from "socket.io-client";
import { serviceNames } from "../../lib/config/service-names.ts";
import { silentStorage } from "../../testing/storage-env.ts";
import { until } from "../../testing/until.ts";
import { type NodeOptions, startBroker, startBrokers, type TestNode, tokenOf } from "../support/broker.ts";
import { connect } from "../support/gateway.ts";
import { openConversation } from "../support/platform.ts";
import { quotaOf, request } from "../support/rest.ts";
import { useDatabase } from "../support/use-node.ts";

jest.setTimeout(30_000);

const nodes: TestNode[] = [];
const asAlice = () => ({ meta: { user: { id: "alice", role: "user" } } });
const sockets: Socket[] = [];

const database = useDatabase();

afterEach(async () => {
	for (const socket of sockets.splice(0)) socket.close();
	for (const node of nodes.splice(0)) await node.stop();
});

describe("image uploads", () => {
	test("are limited by user: the eleventh within an hour is refused", async () => {
		const env = { RATE_LIMIT_UPLOADS: "10/hour", ...silentStorage };
		const node = await start(env, { services: serviceNames });
		const { conversationId, applicantId, employerId } = await openConversation(node.calls);
		const route = `POST /conversations/${conversationId}/messages/images/upload-url`;
		const wanted = { filename: "photo.jpg", mimeType: "image/jpeg", sizeBytes: 1000 };
		const token = await tokenOf(applicantId);
		const statuses: number[] = [];
		for (let i = 0; i < 11; i++) statuses.push((await request(node, token, route, wanted)).status);
		expect(statuses).toEqual([...Array(10).fill(201), 429]);
		expect((await request(node, await tokenOf(employerId), route, wanted)).status).toBe(201);
	});

	test("are confirmed by user as often as the limit says, whatever comes of it", async () => {
		const node = await start({ RATE_LIMIT_CONFIRMS: "3/hour", ...silentStorage }, { services: serviceNames });
		const { conversationId, applicantId, employerId } = await openConversation(node.calls);
		const route = `POST /conversations/${conversationId}/messages/images/confirm`;
		const confirm = async (userId: string) =>
			(await request(node, await tokenOf(userId), route, { imageId: randomUUID() })).status;
		const statuses: number[] = [];
		for (let i = 0; i < 5; i++) statuses.push(await confirm(applicantId));
		expect(statuses).toEqual([404, 404, 404, 429, 429]);
		expect(await confirm(employerId)).toBe(404);
	});
});

describe("messages", () => {
	test("are limited by user, over REST and sockets together; every answer says where one stands", async () => {
		const node = await start({ RATE_LIMIT_MESSAGES: "3/hour" });
		const { conversationId, applicantId, employerId } = await openConversation(node.calls);
		const route = `POST /conversations/${conversationId}/messages`;
		const token = await tokenOf(applicantId);
		const socket = await connected(node, token);

		const first = await request(node, token, route, aMessage());
		expect([first.status, ...quotaOf(first)]).toEqual([201, 3, 2, 3600]);
		expect(await socket.emitWithAck("send_message", { conversationId, ...aMessage() })).toMatchObject({ ok: true });
		const third = await request(node, token, route, aMessage());
		expect([third.status, quotaOf(third)[1]]).toEqual([201, 0]);

		const refused = await request(node, token, route, aMessage());
		expect([refused.status, ...quotaOf(refused).slice(0, 2)]).toEqual([429, 3, 0]);
		const retryAfterSeconds = Number(refused.headers.get("Retry-After"));
		expect(retryAfterSeconds).toBeGreaterThan(3_500);
		expect(refused.body.error).toMatchObject({ code: "RATE_LIMITED", details: { retryAfterSeconds } });
		expect(await socket.emitWithAck("send_message", { conversationId, ...aMessage() })).toMatchObject({
			ok: false,
			error: { code: "RATE_LIMITED", details: { retryAfterSeconds: expect.any(Number) } },
		});
		expect((await request(node, await tokenOf(employerId), route, aMessage())).status).toBe(201);
	});

	test("may be sent again when the window has ended", async () => {
		const node = await start({ RATE_LIMIT_MESSAGES: "1/second" });
		const { conversationId, applicantId } = await openConversation(node.calls);
		const token = await tokenOf(applicantId);
		const send = () => request(node, token, `POST /conversations/${conversationId}/messages`, aMessage());
		const statuses = (await Promise.all([send(), send(), send(), send()])).map(({ status }) => status);
		expect(statuses).toContain(429);
		await until(async () => (await send()).status === 201);
	});

	test("count once, however often the same one is sent", async () => {
		const node = await start({ RATE_LIMIT_MESSAGES: "2/hour" });
		const { conversationId, applicantId } = await openConversation(node.calls);
		const token = await tokenOf(applicantId);
		const message = aMessage();
		const statuses: unknown[] = [];
		for (let n = 0; n < 4; n++) {
			const answer = await request(node, token, `POST /conversations/${conversationId}/messages`, message);
			statuses.push([answer.status, quotaOf(answer)[1]]);
		}
		expect(statuses).toEqual([[201, 1], ...Array(3).fill([200, 1])]);
	});

	test("that are not valid, or go where the sender is not, count as well, and say so", async () => {
		const node = await start({ RATE_LIMIT_MESSAGES: "10/hour" });
		const { conversationId, applicantId } = await openConversation(node.calls);
		const token = await tokenOf(applicantId);
		const invalid = await request(node, token, `POST /conversations/${conversationId}/messages`, { content: "" });
		expect([invalid.status, ...quotaOf(invalid).slice(0, 2)]).toEqual([400, 10, 9]);
		const elsewhere = await request(node, token, `POST /conversations/${randomUUID()}/messages`, aMessage());
		expect([elsewhere.status, ...quotaOf(elsewhere).slice(0, 2)]).toEqual([404, 10, 8]);
	});

	test("that failed for our reasons do not count", async () => {
		const broken = { name: "conversations", actions: { create: { handler: () => Promise.reject(new Error("oops")) } } };
		const { broker } = await start({ RATE_LIMIT_CONVERSATIONS: "2/hour" }, { services: [], others: [broken] });
		const create = () => broker.call("conversations.create", { jobApplicationId: "job" }, asAlice());
		for (let n = 0; n < 5; n++) await expect(create()).rejects.toThrow("oops");
	});
});

test("a limit that is off leaves the handler as it is and says nothing", async () => {
	const node = await start();
	const { conversationId, applicantId } = await openConversation(node.calls);
	const answer = await request(node, await tokenOf(applicantId), `GET /conversations/${conversationId}`);
	expect([answer.status, ...quotaOf(answer)]).toEqual([200, undefined, undefined, undefined]);
});

test("new conversations are limited; one that is there is not new", async () => {
	const node = await start({ RATE_LIMIT_CONVERSATIONS: "2/hour" });
	const { applicantId, jobApplicationId } = await openConversation(node.calls);
	const token = await tokenOf(applicantId);
	const again = await request(node, token, "POST /conversations", { jobApplicationId });
	expect([again.status, quotaOf(again)[1]]).toEqual([200, 1]);
	const unknown = await request(node, token, "POST /conversations", { jobApplicationId: "none" });
	expect([unknown.status, quotaOf(unknown)[1]]).toEqual([403, 0]);
	expect((await request(node, token, "POST /conversations", { jobApplicationId })).status).toBe(429);
});

test("all queries over REST have one limit; receipts, and what else is no query, have none", async () => {
	const node = await start({ RATE_LIMIT_QUERIES: "8/hour" });
	const { conversationId, applicantId } = await openConversation(node.calls);
	const token = await tokenOf(applicantId);
	const ofOne = ["", "/metadata", "/messages", "/unread-count"].map((path) => `/conversations/${conversationId}${path}`);
	const paths = ["/conversations", "/conversations/unread-count/count", ...ofOne, "/sync", `/users/${applicantId}/presence`];
	for (const [n, path] of paths.entries()) {
		const answer = await request(node, token, `GET ${path}`);
		expect([path, answer.status, quotaOf(answer)[1]]).toEqual([path, 200, 7 - n]);
	}
	expect((await request(node, token, "GET /conversations")).status).toBe(429);
	for (const route of ["read", "archive", "reopen"]) {
		const answer = await request(node, token, `PATCH /conversations/${conversationId}/${route}`);
		expect([answer.status, quotaOf(answer)[0]]).toEqual([200, undefined]);
	}
});

test("the platform and administrators are not limited", async () => {
	const node = await start({ RATE_LIMIT_AUTH_FAILURES: "1/hour", RATE_LIMIT_QUERIES: "1/hour" });
	const platform = await tokenOf("the platform", "platform");
	for (let n = 0; n < 3; n++) {
		const answer = await request(node, platform, `PUT /platform/users/user-${randomUUID()}`, { name: "Ann" });
		expect([answer.status, quotaOf(answer)[0]]).toEqual([200, undefined]);
	}
	// Counted or not, nothing that is limited lets an administrator in; the limit would come first.
	const admin = await tokenOf("an administrator", "admin");
	for (let n = 0; n < 3; n++) expect((await request(node, admin, "GET /conversations")).status).toBe(403);
});

test("a request is counted once, whatever its action calls in turn", async () => {
	const list = { handler: () => "listed" };
	const create = { handler: (ctx: { call(name: string): unknown }) => ctx.call("conversations.list") };
	const limits = { RATE_LIMIT_QUERIES: "1/hour", RATE_LIMIT_CONVERSATIONS: "3/hour" };
	const { broker } = await start(limits, { services: [], others: [{ name: "conversations", actions: { list, create } }] });
	const relay = () => broker.call("conversations.create", { jobApplicationId: "job" }, asAlice());
	for (let n = 0; n < 3; n++) expect(await relay()).toBe("listed");
	expect(await broker.call("conversations.list", {}, asAlice())).toBe("listed");
	await expect(broker.call("conversations.list", {}, asAlice())).rejects.toMatchObject({ type: "RATE_LIMITED", code: 429 });
});

test("queries over a socket have its own limit, and leave the one of REST alone", async () => {
	const node = await start({ RATE_LIMIT_QUERIES: "1/hour", RATE_LIMIT_SOCKET_QUERIES: "5/hour" });
	const { conversationId, applicantId } = await openConversation(node.calls);
	const token = await tokenOf(applicantId);
	const [one, other] = [await connected(node, token), await connected(node, token)];
	expect(await one.emitWithAck("sync", {})).toMatchObject({ ok: true });
	for (let n = 0; n < 4; n++) expect(await ask(one, "messages.list", { conversationId })).toMatchObject([null, { items: [] }]);
	expect(await one.emitWithAck("sync", {})).toMatchObject({ ok: false, error: { code: "RATE_LIMITED" } });
	expect(await ask(one, "messages.list", { conversationId })).toMatchObject([
		{ code: "RATE_LIMITED", details: { retryAfterSeconds: expect.any(Number) } },
	]);
	expect(await ask(other, "conversations.get", { conversationId })).toMatchObject([null, { id: conversationId }]);
	for (let n = 0; n < 10; n++) expect(await one.emitWithAck("mark_read", { conversationId })).toMatchObject({ ok: true });
	for (const event of ["join_conversation", "typing_start", "typing_stop"])
		expect(await one.emitWithAck(event, { conversationId })).toEqual({ ok: true });
	expect((await request(node, token, "GET /conversations")).status).toBe(200);
	expect((await request(node, token, "GET /conversations")).status).toBe(429);
});

describe("failed authentications", () => {
	test("are limited by address, over REST and sockets together; who has a good token passes", async () => {
		const node = await start({ RATE_LIMIT_AUTH_FAILURES: "4/minute" });
		const token = await tokenOf((await openConversation(node.calls)).applicantId);
		const stranger = await tokenOf("nobody");
		for (let n = 0; n < 10; n++) expect((await request(node, token, "GET /conversations")).status).toBe(200);

		expect((await request(node, "forged", "GET /conversations")).body.error?.code).toBe("UNAUTHENTICATED");
		expect((await request(node, undefined, "GET /conversations")).status).toBe(401);
		await expect(connect(node, stranger)).rejects.toMatchObject({ data: { code: "UNAUTHENTICATED" } });
		const late = await connected(node);
		expect(await late.emitWithAck("authenticate", { token: "forged" })).toMatchObject({ error: { code: "UNAUTHENTICATED" } });

		const refused = await request(node, "forged", "GET /conversations");
		expect([refused.status, refused.body.error?.code]).toEqual([429, "RATE_LIMITED"]);
		expect(Number(refused.headers.get("Retry-After"))).toBeGreaterThan(50);
		await expect(connect(node, "forged")).rejects.toMatchObject({ data: { code: "RATE_LIMITED" } });
		expect(await late.emitWithAck("authenticate", { token: "forged" })).toMatchObject({ error: { code: "RATE_LIMITED" } });

		expect((await request(node, token, "GET /conversations")).status).toBe(200);
		expect(await late.emitWithAck("authenticate", { token })).toMatchObject({ ok: true });
	});

	test("an expired token is none: its app must hear that it needs a new one", async () => {
		const node = await start({ RATE_LIMIT_AUTH_FAILURES: "1/minute" });
		const expired = await tokenOf((await openConversation(node.calls)).applicantId, "user", -10);
		for (let n = 0; n < 3; n++) {
			expect((await request(node, expired, "GET /conversations")).body.error?.code).toBe("TOKEN_EXPIRED");
			await expect(connect(node, expired)).rejects.toMatchObject({ data: { code: "TOKEN_EXPIRED" } });
		}
	});

	test("an address is what a trusted proxy says, and only that", async () => {
		const behindOne = await start({ RATE_LIMIT_AUTH_FAILURES: "1/minute", TRUST_PROXY: "1" });
		const direct = await start({ RATE_LIMIT_AUTH_FAILURES: "1/minute" });
		const fail = async (node: TestNode, from: string) =>
			(await request(node, "forged", "GET /conversations", undefined, { "X-Forwarded-For": from })).status;
		expect(await fail(behindOne, "198.51.100.1, 203.0.113.1")).toBe(401);
		expect(await fail(behindOne, "198.51.100.2, 203.0.113.1")).toBe(429);
		expect(await fail(behindOne, "203.0.113.2")).toBe(401);
		await expect(connect(behindOne, "forged", { "X-Forwarded-For": "203.0.113.2" })).rejects.toMatchObject({
			data: { code: "RATE_LIMITED" },
		});
		expect(await fail(direct, "203.0.113.1")).toBe(401);
		expect(await fail(direct, "203.0.113.2")).toBe(429);
	});
});

test("what the node that serves the action counts is in the gateway's answers, good and bad", async () => {
	const common = { databaseUrl: database.url, env: { RATE_LIMIT_MESSAGES: "3/hour" } };
	const [serving, front] = await startBrokers(
		{ ...common, services: ["conversations", "directory", "messages", "presence"] },
		{ ...common, services: ["gateway"] },
	);
	nodes.push(serving, front);
	const { conversationId, applicantId } = await openConversation(serving.calls);
	const token = await tokenOf(applicantId);
	const send = (body: object) => request(front, token, `POST /conversations/${conversationId}/messages`, body);

	const good = await send(aMessage());
	expect([good.status, ...quotaOf(good)]).toEqual([201, 3, 2, 3600]);
	const bad = await send({});
	expect([bad.status, ...quotaOf(bad).slice(0, 2)]).toEqual([400, 3, 1]);
	await send(aMessage());
	const refused = await send(aMessage());
	expect([refused.status, ...quotaOf(refused).slice(0, 2)]).toEqual([429, 3, 0]);
	expect(Number(refused.headers.get("Retry-After"))).toBe(quotaOf(refused)[2]);
});

function aMessage() {
	return { clientId: randomUUID(), content: "Hello" };
}

async function start(env: Record<string, string> = {}, what: Pick<NodeOptions, "services" | "others"> = {}): Promise<TestNode> {
	const node = await startBroker({ databaseUrl: database.url, env, ...what });
	nodes.push(node);
	return node;
}

async function connected(node: TestNode, token?: string): Promise<Socket> {
	const socket = await connect(node, token);
	sockets.push(socket);
	return socket;
}

function ask(socket: Socket, action: string, params: object): Promise<unknown[]> {
	return new Promise((resolve) => socket.emit("call", action, params, (...answer: unknown[]) => resolve(answer)));
}
