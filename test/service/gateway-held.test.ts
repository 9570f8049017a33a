import { once } from "node:events";
import { createConnection } from "node:net";
import { io, type Socket } from "socket.io-client";
import { until } from "../../testing/until.ts";
import { asPlatform, tokenOf } from "../support/broker.ts";
import { connect, gatewayOf, urlOf } from "../support/gateway.ts";
import { openConversation, registerUser, send } from "../support/platform.ts";
import { useNode } from "../support/use-node.ts";

jest.setTimeout(60_000);

const [maxSockets, maxUnauthenticated] = [3, 5];

const clients: { close(): void }[] = [];

const env = { MAX_SOCKETS_PER_USER: String(maxSockets), MAX_UNAUTHENTICATED_PER_ADDRESS: String(maxUnauthenticated) };
const node = useNode({ env });

afterEach(async () => {
	for (const client of clients.splice(0)) client.close();
	await until(() => gatewayOf(node).sockets.userIds().length === 0);
});

/** A connection on which nothing is said: not even which namespace is wanted. */
async function openSilent(): Promise<WebSocket> {
	const socket = new WebSocket(`${urlOf(node).replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`);
	clients.push(socket);
	await once(socket, "open");
	return socket;
}

async function codeOf(auth: object): Promise<string> {
	const options = { transports: ["websocket"], forceNew: true, reconnection: false, auth };
	const socket: Socket = io(`${urlOf(node)}/messaging`, options);
	clients.push(socket);
	return new Promise((resolve) => {
		socket.on("connect", () => resolve("connected"));
		socket.on("connect_error", (error: Error & { data?: { code: string } }) => resolve(error.data?.code ?? error.message));
	});
}

test("a socket that asks and does not read is closed before its answers fill the memory", async () => {
	const { conversationId, applicantId, employerId } = await openConversation(node.calls);
	await Promise.all(Array.from({ length: 100 }, () => send(node.calls, conversationId, employerId, "x".repeat(5_000))));
	const client = await connect(node, await tokenOf(applicantId));
	clients.push(client);
	const [held] = gatewayOf(node).sockets.of(applicantId) as unknown as { conn: { writeBuffer: { data?: string }[] } }[];
	const { ws } = client.io.engine.transport as unknown as { ws: { _socket: { pause(): void; resume(): void } } };
	ws._socket.pause();

	let mostBytes = 0;
	await until(
		() => {
			for (let i = 0; i < 20; i++) client.emit("call", "messages.list", { conversationId, limit: 100 }, () => {});
			const waiting = held?.conn.writeBuffer ?? [];
			mostBytes = Math.max(
				mostBytes,
				waiting.reduce((bytes, { data }) => bytes + (data?.length ?? 0), 0),
			);
			return gatewayOf(node).sockets.of(applicantId).length === 0;
		},
		{ timeoutMs: 30_000, intervalMs: 50 },
	);
	expect(mostBytes).toBeLessThan(8 * 1024 * 1024);
	ws._socket.resume();
});

test("of many questions at once a socket that does not read is answered no more than may wait", async () => {
	const { conversationId, applicantId, employerId } = await openConversation(node.calls);
	await Promise.all(Array.from({ length: 100 }, () => send(node.calls, conversationId, employerId, "x".repeat(5_000))));
	const client = await connect(node, await tokenOf(applicantId));
	clients.push(client);
	const [held] = gatewayOf(node).sockets.of(applicantId) as unknown as { conn: { writeBuffer: { data?: string }[] } }[];
	const { ws } = client.io.engine.transport as unknown as { ws: { _socket: { pause(): void; resume(): void } } };
	ws._socket.pause();
	let mostBytes = 0;
	const watching = setInterval(() => {
		const waitingBytes = held?.conn.writeBuffer.reduce((bytes, { data }) => bytes + (data?.length ?? 0), 0) ?? 0;
		mostBytes = Math.max(mostBytes, waitingBytes);
	}, 1);
	const other = await connect(node, await tokenOf(employerId));
	clients.push(other);
	const ask = (from: Socket) => from.emitWithAck("call", "messages.list", { conversationId, limit: 100 });
	for (let i = 0; i < 60; i++) void ask(client).catch(() => {});
	// By then the others have been looked at, too.
	for (let i = 0; i < 60; i++) await ask(other);
	clearInterval(watching);
	// What may wait, and the few answers that are found at the same time.
	expect(mostBytes).toBeLessThan(5 * 1024 * 1024);
	ws._socket.resume();
});

test("a user has so many sockets on a gateway and no more", async () => {
	const token = await tokenOf(await registerUser(node.calls));
	for (let i = 0; i < maxSockets; i++) expect(await codeOf({ token })).toBe("connected");
	expect(await codeOf({ token })).toBe("RATE_LIMITED");
	expect(await codeOf({ token: await tokenOf(await registerUser(node.calls)) })).toBe("connected");
});

test("an address has so many connections without a token and no more, and none for longer than some seconds", async () => {
	const silent = await Promise.all(Array.from({ length: maxUnauthenticated }, openSilent));
	expect(await codeOf({})).toBe("RATE_LIMITED");
	expect(await codeOf({ token: await tokenOf(await registerUser(node.calls)) })).toBe("connected");
	silent.push(...(await Promise.all(Array.from({ length: maxUnauthenticated - 1 }, openSilent))));
	const surplus = await Promise.all([openSilent(), openSilent(), openSilent()]);
	// At once, and not when the others have had their time.
	await until(() => surplus.some(({ readyState }) => readyState === WebSocket.CLOSED), { timeoutMs: 3_000 });
	expect(silent.filter(({ readyState }) => readyState === WebSocket.OPEN).length).toBeGreaterThan(maxUnauthenticated);
	await Promise.all(silent.map((socket) => socket.readyState === WebSocket.CLOSED || once(socket, "close")));
	await until(async () => (await codeOf({})) === "connected");
});

test("until it has authenticated a connection may send short packets only", async () => {
	const socket = await openSilent();
	const closed = once(socket, "close");
	socket.send(`40/messaging,${JSON.stringify({ token: "x".repeat(20_000) })}`);
	expect((await closed)[0]).toMatchObject({ code: 1009 });

	const { conversationId, applicantId } = await openConversation(node.calls);
	const client = await connect(node, await tokenOf(applicantId));
	clients.push(client);
	const { ok } = await client.emitWithAck("send_message", {
		conversationId,
		clientId: crypto.randomUUID(),
		content: "hello",
		padding: "x".repeat(100_000),
	});
	expect(ok).toBe(true);
});

test("until it has authenticated, a connection by long polling may send short packets only, too", async () => {
	const { sid } = await poll();
	const body = `40/messaging,${JSON.stringify({ token: "x".repeat(20_000) })}`;
	const response = await fetch(`${pollingUrl()}&sid=${sid}`, { method: "POST", body });
	expect(response.status).toBe(413);

	// Nor by the WebSocket to which it is to be upgraded.
	const other = await poll();
	const upgrade = new WebSocket(`${pollingUrl().replace("http", "ws").replace("=polling", "=websocket")}&sid=${other.sid}`);
	clients.push(upgrade);
	await once(upgrade, "open");
	const closed = once(upgrade, "close");
	upgrade.send("x".repeat(20_000));
	expect((await closed)[0]).toMatchObject({ code: 1009 });
});

test.each([[["polling"]], [["polling", "websocket"]]])(
	"by %j somebody who has authenticated may send long packets",
	async (transports) => {
		const { conversationId, applicantId } = await openConversation(node.calls);
		const options = { transports, forceNew: true, reconnection: false, auth: { token: await tokenOf(applicantId) } };
		const client = io(`${urlOf(node)}/messaging`, options);
		clients.push(client);
		await until(() => client.connected && client.io.engine.transport.name === transports.at(-1));
		const message = { conversationId, clientId: crypto.randomUUID(), content: "hello", padding: "x".repeat(100_000) };
		expect(await client.timeout(10_000).emitWithAck("send_message", message)).toMatchObject({ ok: true });
	},
);

test("a connection by long polling that does not fetch its close is gone as soon as any other", async () => {
	const { io: server } = gatewayOf(node) as unknown as { io: { engine: { clients: Record<string, unknown> } } };
	const userId = await registerUser(node.calls);
	const { sid } = await poll();
	const body = `40/messaging,${JSON.stringify({ token: await tokenOf(userId) })}`;
	await (await fetch(`${pollingUrl()}&sid=${sid}`, { method: "POST", body })).text();
	await until(() => gatewayOf(node).sockets.of(userId).length === 1);
	await node.calls.call("users.erase", { id: userId }, asPlatform);
	await until(() => !(sid in server.engine.clients), { timeoutMs: 15_000 });
});

test("who asks by long polling for more before what was answered is read is closed", async () => {
	const userId = await registerUser(node.calls);
	const { sid } = await poll();
	const body = `40/messaging,${JSON.stringify({ token: await tokenOf(userId) })}`;
	expect((await fetch(`${pollingUrl()}&sid=${sid}`, { method: "POST", body })).status).toBe(200);
	await until(() => gatewayOf(node).sockets.of(userId).length === 1);
	const [held] = gatewayOf(node).sockets.of(userId);
	const waiting = () => (held as unknown as { conn: { writeBuffer: object[] } }).conn.writeBuffer;
	for (let times = 0; times < 2; times++) {
		// More than the kernel takes for a peer that does not read.
		held?.emit("message_received", { message: "x".repeat(30 * 1024 * 1024) });
		const { hostname, port } = new URL(urlOf(node));
		const reader = createConnection(Number(port), hostname);
		clients.push({ close: () => reader.destroy() });
		reader.pause();
		reader.write(`GET /socket.io/?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\nHost: parley\r\n\r\n`);
		await until(() => waiting().length === 0);
	}
	await until(() => gatewayOf(node).sockets.of(userId).length === 0, { timeoutMs: 5_000 });
});

function pollingUrl(): string {
	return `${urlOf(node)}/socket.io/?EIO=4&transport=polling`;
}

/** Opens a connection by long polling. */
async function poll(): Promise<{ sid: string }> {
	const opened = await (await fetch(pollingUrl())).text();
	return JSON.parse(opened.slice(1));
}
