import { ChatClient, type ChatOptions } from "../../client/chat.ts";
import type { ErrorBody } from "../../client/types.ts";
import { until } from "../../testing/until.ts";
import { AccessPoint } from "../support/access-point.ts";
import { ScriptedGateway } from "../support/scripted-gateway.ts";

const timing = { ackTimeoutMs: 1_000, reconnectDelayMs: 5, resendDelayMs: 5 };
const expired: ErrorBody = { code: "TOKEN_EXPIRED", message: "expired" };

let gateway: ScriptedGateway;
const clients: ChatClient[] = [];
const cleanUps: (() => Promise<void>)[] = [];

beforeEach(async () => {
	gateway = await ScriptedGateway.start();
});

afterEach(async () => {
	for (const client of clients.splice(0)) client.close();
	for (const cleanUp of cleanUps.splice(0)) await cleanUp();
	await gateway.stop();
});

function aClient(options: Partial<ChatOptions> = {}): ChatClient {
	const client = new ChatClient({ baseUrl: gateway.url, token: "token", ...timing, ...options });
	clients.push(client);
	return client;
}

/** Counts how often the client says so. */
function countOf(client: ChatClient, event: "connected" | "disconnected" | "refused" | "error") {
	const listener = jest.fn();
	client.on(event, listener);
	return listener;
}

/** A busy machine may need more than one attempt. */
async function arrive(client: ChatClient): Promise<void> {
	await client.connect().catch(() => {});
	await until(() => client.isConnected);
}

describe("the token source", () => {
	test.each<[string, () => string | Promise<string>]>([
		[
			"throws",
			() => {
				throw new Error("no signal");
			},
		],
		["rejects", () => Promise.reject(new Error("no signal"))],
		["never answers", () => new Promise<string>(() => {})],
		["gives no token", () => undefined as unknown as string],
	])("that %s for a while is asked again until the client is connected", async (_how, failing) => {
		let asked = 0;
		const client = aClient({ token: () => (++asked < 4 ? failing() : "token"), ackTimeoutMs: 200 });
		const connected = countOf(client, "connected");
		await expect(client.connect()).rejects.toMatchObject({ code: "NETWORK" });
		await until(() => connected.mock.calls.length === 1);
		expect(new Set(gateway.tokens)).toEqual(new Set(["token"]));
	});

	test("is asked anew when a token is refused, and told which one that was: a device whose clock is slow connects", async () => {
		gateway.admit = (token) => (token === "fresh" ? "accepted" : expired);
		// By its own clock the device takes the old token for a good one.
		const client = aClient({ token: (refused?: string) => (refused === "cached" ? "fresh" : "cached") });
		const [connected, refused] = [countOf(client, "connected"), countOf(client, "refused")];
		await expect(client.connect()).rejects.toMatchObject({ code: "TOKEN_EXPIRED" });
		await until(() => connected.mock.calls.length === 1);
		expect(gateway.tokens).toEqual(["cached", "fresh"]);
		expect(refused.mock.calls).toEqual([[{ ...expired, isFinal: false }]]);
	});

	test("that goes on giving refused tokens is asked after pauses that grow", async () => {
		gateway.admit = () => expired;
		const client = aClient({ token: () => "stale", reconnectDelayMs: 20 });
		await client.connect().catch(() => {});
		const startMs = performance.now();
		await until(() => gateway.tokens.length === 6);
		// 20 + 40 + 80 + 160 + 320 ms, each halved at the most by the jitter.
		expect(performance.now() - startMs).toBeGreaterThan(300);
	});

	test("is left alone for as long as the server says when there were too many failed attempts", async () => {
		gateway.admit = () => ({ code: "RATE_LIMITED", message: "too many", details: { retryAfterSeconds: 1 } });
		const client = aClient();
		await client.connect().catch(() => {});
		gateway.admit = () => "accepted";
		const startMs = performance.now();
		await until(() => client.isConnected);
		expect(performance.now() - startMs).toBeGreaterThan(900);
	});
});

test("a fixed token that is refused is final: what was sent is rejected, and nothing is sent until the next connect", async () => {
	gateway.admit = () => expired;
	const client = aClient();
	const refused = countOf(client, "refused");
	const connecting = client.connect();
	const sent = client.send("one", { content: "hello" });
	await expect(connecting).rejects.toMatchObject({ code: "TOKEN_EXPIRED" });
	await expect(sent).rejects.toMatchObject({ code: "TOKEN_EXPIRED", clientId: expect.any(String) });
	await expect(client.send("one", { content: "hello" })).rejects.toMatchObject({ code: "NETWORK", clientId: expect.any(String) });
	expect(refused.mock.calls).toEqual([[{ ...expired, isFinal: true }]]);
	expect(gateway.tokens).toHaveLength(1);
	gateway.admit = () => "accepted";
	await client.connect();
});

test("send and every other request reject at once after close, and before the first connect", async () => {
	const client = aClient({ ackTimeoutMs: 60_000 });
	const requests = () => [
		client.send("one", { clientId: "mine", content: "hello" }),
		client.open("one"),
		client.markRead("one"),
		client.call("conversations.list"),
	];
	const outcomes = async () => {
		for (const outcome of await Promise.allSettled(requests())) {
			expect(outcome).toMatchObject({ status: "rejected", reason: { name: "ParleyApiError", code: "NETWORK" } });
		}
		await expect(client.send("one", { clientId: "mine", content: "hello" })).rejects.toMatchObject({ clientId: "mine" });
	};
	await outcomes();
	await client.connect();
	client.close();
	await outcomes();
});

test("a gateway that never answers CONNECT is given up in time, and the next one is tried", async () => {
	const silent = await ScriptedGateway.start();
	cleanUps.push(() => silent.stop());
	silent.admit = () => "silence";
	const client = aClient({ baseUrl: [silent.url, gateway.url], ackTimeoutMs: 300 });
	const connected = countOf(client, "connected");
	await expect(client.connect()).rejects.toMatchObject({ code: "NETWORK" });
	await until(() => connected.mock.calls.length === 1);
	expect(gateway.sockets).toHaveLength(1);
	expect(silent.tokens.length).toBeGreaterThan(0);
});

test("a captive portal in the way of the handshake is a failure like any other", async () => {
	const portal = await AccessPoint.before(gateway.url);
	cleanUps.push(() => portal.close());
	portal.reception = "is a portal";
	const client = aClient({ baseUrl: portal.url });
	await expect(client.connect()).rejects.toMatchObject({ code: "NETWORK" });
	portal.reception = "passes";
	await until(() => client.isConnected);
});

test("handlers that throw end nothing: the client says so as an error, and goes on", async () => {
	const client = aClient();
	const errors: unknown[] = [];
	client.on("error", (error) => {
		errors.push(error);
		throw new Error("and this one, too");
	});
	const reason = new Error("a bug of the app");
	client.on("connected", () => {
		throw reason;
	});
	client.on("synced", () => Promise.reject(reason));
	await arrive(client);
	await until(() => errors.length === 2);
	expect(errors).toEqual([
		{ code: "HANDLER_FAILED", message: 'A handler of "connected" failed: Error: a bug of the app', cause: reason },
		{ code: "HANDLER_FAILED", message: 'A handler of "synced" failed: Error: a bug of the app', cause: reason },
	]);
	expect(client.isConnected).toBe(true);
});

test("events that the client does not understand are reported, and end nothing", async () => {
	const client = aClient();
	const error = countOf(client, "error");
	await arrive(client);
	gateway.sockets[0]?.emit("message_received", null);
	gateway.sockets[0]?.emit("message_read");
	gateway.sockets[0]?.emit("conversation_updated", { conversation: 7 });
	gateway.sockets[0]?.emit("something_new", 7);
	await until(() => error.mock.calls.length >= 2);
	expect(client.isConnected).toBe(true);
});

describe("liveness", () => {
	test("a connection that has gone silent is left when a request had no answer and the gateway gives no sign of life", async () => {
		const client = aClient({ ackTimeoutMs: 300 });
		const disconnected = countOf(client, "disconnected");
		await arrive(client);
		const [first] = gateway.sockets;
		gateway.answer = () => undefined;
		await expect(client.markRead("one")).rejects.toMatchObject({ code: "NETWORK" });
		await until(() => disconnected.mock.calls.length === 1);
		await until(() => client.isConnected);
		expect(gateway.sockets.map(({ id }) => id)).not.toContain(first?.id);
	});

	test("a gateway that is only slow is not left, however many requests have no answer, and is asked for one sign of life at a time", async () => {
		const client = aClient({ ackTimeoutMs: 300 });
		const disconnected = countOf(client, "disconnected");
		await arrive(client);
		let [probing, most] = [0, 0];
		const answer = gateway.answer;
		gateway.answer = (event, args) => {
			if (event !== "call") return undefined;
			most = Math.max(most, ++probing);
			setTimeout(() => {
				probing--;
				(args.at(-1) as (...reply: unknown[]) => void)(...(answer(event, args) ?? []));
			}, 30);
			return undefined;
		};
		for (let round = 0; round < 3; round++) {
			await Promise.allSettled(Array.from({ length: 50 }, () => client.markRead("one")));
			await until(() => most === 1 && probing === 0);
		}
		expect(most).toBe(1);
		expect(disconnected).not.toHaveBeenCalled();
	});

	test("a gateway that accepts connections and drops them is tried after pauses that grow", async () => {
		const client = aClient({ reconnectDelayMs: 40 });
		const connected = countOf(client, "connected");
		gateway.sync = () => {
			for (const socket of gateway.sockets) socket.disconnect(true);
			return { conversations: [], nextSince: "cursor", reset: false };
		};
		await arrive(client);
		const startMs = performance.now();
		await until(() => connected.mock.calls.length === 6);
		// 40 + 80 + 160 + 200 + 200 ms, each halved at the most by the jitter.
		expect(performance.now() - startMs).toBeGreaterThan(330);
	});
});
