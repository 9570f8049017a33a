import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Socket } from "socket.io-client";
import { type RedisServer, startRedis } from "../../testing/redis.ts";
import { until } from "../../testing/until.ts";
import { as, startBrokers, type TestNode, tokenOf } from "../support/broker.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/database.ts";
import { connect, disconnect } from "../support/gateway.ts";
import { openConversation, registerApplication } from "../support/platform.ts";

jest.setTimeout(40_000);

interface Heard {
	event: string;
	payload: unknown;
}

describe.each(["a Redis server", "Redis in this process"])("with %s,", (redis) => {
	let database: TestDatabase;
	let folder: string;
	let server: RedisServer | undefined;
	let node: TestNode;
	let other: TestNode;
	let clients: Socket[] = [];

	beforeAll(async () => {
		database = await createMigratedDatabase();
		folder = mkdtempSync(join(tmpdir(), "parley-presence-"));
		if (redis === "a Redis server") server = await startRedis(folder);
		const [databaseUrl, env] = [database.url, { REDIS_URL: server?.url ?? "" }];
		// Two presence nodes, of which each might tell.
		[node, other] = await startBrokers({ databaseUrl, env }, { databaseUrl, env, services: ["presence"] });
	});

	afterAll(async () => {
		await other.stop();
		await node.stop();
		await server?.process.stop();
		server = undefined;
		rmSync(folder, { recursive: true });
		await database.drop();
	});

	afterEach(async () => {
		await disconnect(node, ...clients);
		clients = [];
	});

	test("whoever joins a conversation hears at once who types in it, and when that ends", async () => {
		const { conversationId, applicantId, employerId } = await openConversation(node.calls);
		const [hers, his] = [await device(applicantId), await device(employerId)];
		await hers.socket.emitWithAck("typing_start", { conversationId });
		expect(await his.socket.emitWithAck("join_conversation", { conversationId })).toEqual({ ok: true });
		await until(() => his.heard("user_typing").length > 0, { timeoutMs: 2_000 });
		await hers.socket.emitWithAck("typing_stop", { conversationId });
		await until(() => his.heard("user_typing").length > 1);
		expect(his.heard("user_typing")).toEqual([true, false].map((typing) => ({ conversationId, userId: applicantId, typing })));
	});

	test("whoever joins a conversation in which nobody else types hears nothing of typing", async () => {
		const { conversationId, applicantId, employerId } = await openConversation(node.calls);
		const [hers, his] = [await device(applicantId), await device(employerId)];
		await his.socket.emitWithAck("typing_start", { conversationId });
		await his.socket.emitWithAck("join_conversation", { conversationId });
		await hers.socket.emitWithAck("join_conversation", { conversationId });
		await until(() => hers.heard("user_typing").length > 0, { timeoutMs: 2_000 });
		expect(his.heard("user_typing")).toEqual([]);
	});

	test("two people who are online when their conversation is opened learn of each other, once", async () => {
		const { applicantId, employerId, jobApplicationId } = await registerApplication(node.calls);
		const [hers, his] = [await device(applicantId), await device(employerId)];
		await until(async () => (await statusesOf(applicantId, employerId)).join() === "online,online");
		await node.calls.call("conversations.create", { jobApplicationId }, as(applicantId));
		await until(() => hers.heard("user_online").length > 0 && his.heard("user_online").length > 0, { timeoutMs: 3_000 });
		await node.calls.call("conversations.create", { jobApplicationId }, as(employerId));
		expect(hers.heard("user_online")).toMatchObject([{ userId: employerId }]);
		expect(his.heard("user_online")).toMatchObject([{ userId: applicantId }]);
	});

	test("who is away when a conversation is opened is told of as away, and who is offline is not told of", async () => {
		const { applicantId, employerId, jobApplicationId } = await registerApplication(node.calls);
		const his = await device(employerId);
		await his.socket.emitWithAck("set_presence", { status: "away" });
		await until(async () => (await statusesOf(employerId)).join() === "away");
		await node.calls.call("conversations.create", { jobApplicationId }, as(employerId));
		const hers = await device(applicantId);
		await until(() => his.heard("user_online").length > 0);
		expect(his.heard("user_offline")).toEqual([]);
		expect(hers.heard("user_offline")).toEqual([]);
	});

	test("user_away comes after the grace time when the last online device went, and at once when the user sets it", async () => {
		const { his, phone } = await withOnlyAnAwayDeviceLeft();
		const closedMs = performance.now();
		await until(() => his.heard("user_away").length === 1, { timeoutMs: 15_000 });
		expect(performance.now() - closedMs).toBeGreaterThan(8_000);
		await phone.socket.emitWithAck("set_presence", { status: "online" });
		await until(() => his.heard("user_online").length === 2);
		await phone.socket.emitWithAck("set_presence", { status: "away" });
		await until(() => his.heard("user_away").length === 2, { timeoutMs: 2_000 });
	});

	test("a device that comes back within the grace time was never away", async () => {
		const { his, phone, applicantId } = await withOnlyAnAwayDeviceLeft();
		await until(async () => (await reportedOf(applicantId)).join() === "away");
		await device(applicantId);
		await until(async () => (await reportedOf(applicantId)).join() === "online");
		await phone.socket.emitWithAck("set_presence", { status: "online" });
		expect(await statusesOf(applicantId)).toEqual(["online"]);
		expect([his.heard("user_online").length, his.heard("user_away").length]).toEqual([1, 0]);
	});

	/** Her phone is away, and her laptop, which was online, has just gone. */
	async function withOnlyAnAwayDeviceLeft() {
		const { applicantId, employerId } = await openConversation(node.calls);
		const his = await device(employerId);
		const [phone, laptop] = [await device(applicantId), await device(applicantId)];
		await until(() => his.heard("user_online").length === 1);
		await phone.socket.emitWithAck("set_presence", { status: "away" });
		laptop.socket.close();
		return { his, phone, applicantId };
	}

	async function device(userId: string) {
		const socket = await connect(node, await tokenOf(userId));
		clients.push(socket);
		const all: Heard[] = [];
		socket.onAny((event: string, payload: unknown) => all.push({ event, payload }));
		return { socket, heard: (event: string) => all.filter((one) => one.event === event).map(({ payload }) => payload) };
	}

	async function statusesOf(...userIds: string[]): Promise<string[]> {
		return (await node.calls.call("presence.lookup", { userIds })).map(({ status }) => status);
	}

	/** What the gateways have said of the user. */
	async function reportedOf(userId: string): Promise<string[]> {
		const service: unknown = node.broker.getLocalService("presence");
		const { registry } = service as { registry: { statuses(userIds: string[]): Promise<string[][]> } };
		return (await registry.statuses([userId])).flat();
	}
});
