import { io, type Socket } from "socket.io-client";
import { until } from "../../testing/until.ts";
import { tokenOf } from "../support/broker.ts";
import { disconnect, type Gateway, gatewayOf, urlOf } from "../support/gateway.ts";
import { openConversation } from "../support/platform.ts";
import { useNode } from "../support/use-node.ts";

/** What the test sees of the client's connection. */
interface Line {
	_socket: { pause(): void; resume(): void };
}

let gateway: Gateway;

const node = useNode();

beforeAll(async () => {
	gateway = gatewayOf(node);
});

/** More than the kernel's buffers between two sockets of one machine hold. */
const kilobytes = 100;
const pushes = 300;

test("A socket that does not read is closed with a code that says to reconnect, and nothing waits for it", async () => {
	const { applicantId } = await openConversation(node.calls);
	const client = await connectAs(applicantId);
	const line = lineOf(client);
	const disconnected = new Promise<{ reason: string; code: number | undefined }>((resolve) =>
		client.on("disconnect", (reason, details) => resolve({ reason, code: codeOf(details) })),
	);
	const [held] = gateway.sockets.of(applicantId);
	line._socket.pause();

	const payload = { conversationId: "x", count: 1, total: 1, padding: "x".repeat(kilobytes * 1024) };
	await until(async () => {
		await node.calls.call("gateway.deliver", { pushes: [{ payload, to: [{ userId: applicantId, event: "unread_count" }] }] });
		return gateway.sockets.of(applicantId).length === 0;
	});
	expect(held?.conn).toMatchObject({ writeBuffer: [] });

	line._socket.resume();
	expect(await disconnected).toEqual({ reason: "transport close", code: 1013 });
	await until(() => client.connected);
	expect(gateway.sockets.of(applicantId)).toHaveLength(1);
	await disconnect(node, client);
});

test("A socket that reads gets any amount", async () => {
	const { applicantId } = await openConversation(node.calls);
	const client = await connectAs(applicantId);
	let received = 0;
	client.on("unread_count", () => received++);
	const payload = { conversationId: "x", count: 1, total: 1, padding: "x".repeat(kilobytes * 1024) };

	for (let i = 0; i < pushes; i++) {
		await node.calls.call("gateway.deliver", { pushes: [{ payload, to: [{ userId: applicantId, event: "unread_count" }] }] });
		if (i % 5 === 4) await until(() => received === i + 1);
	}

	expect(received).toBe(pushes);
	await disconnect(node, client);
});

test("A socket that reads well gets a burst of two megabytes at once, over the connection that it has", async () => {
	const { applicantId } = await openConversation(node.calls);
	const client = await connectAs(applicantId);
	let [received, disconnects] = [0, 0];
	client.on("unread_count", () => received++);
	client.on("disconnect", () => disconnects++);
	const payload = { conversationId: "x", count: 1, total: 1, padding: "x".repeat(1024) };

	const pushes = Array.from({ length: 2_048 }, () => ({ payload, to: [{ userId: applicantId, event: "unread_count" }] }));
	await node.calls.call("gateway.deliver", { pushes });

	await until(() => received === 2_048);
	expect(disconnects).toBe(0);
	await disconnect(node, client);
});

test("A socket that takes a little all the time stays, however slowly", async () => {
	const { applicantId } = await openConversation(node.calls);
	const client = await connectAs(applicantId);
	const line = lineOf(client);
	let [received, disconnects] = [0, 0];
	client.on("unread_count", () => received++);
	client.on("disconnect", () => disconnects++);
	const payload = { conversationId: "x", count: 1, total: 1, padding: "x".repeat(kilobytes * 1024) };
	const push = { payload, to: [{ userId: applicantId, event: "unread_count" }] };

	const [held] = gateway.sockets.of(applicantId);
	const { conn } = held as unknown as { conn: { writeBuffer: unknown[] } };
	let sent = 0;
	const endMs = performance.now() + 7_000;
	while (performance.now() < endMs) {
		line._socket.pause();
		// Of 4 MB a socket is closed in any case.
		for (; conn.writeBuffer.length < 36; sent++) {
			await node.calls.call("gateway.deliver", { pushes: [push] });
			await new Promise((resolve) => setImmediate(resolve));
		}
		line._socket.resume();
		const before = received;
		await until(() => received > before);
	}

	await until(() => received === sent);
	expect(disconnects).toBe(0);
	await disconnect(node, client);
});

async function connectAs(userId: string): Promise<Socket> {
	const client = io(`${urlOf(node)}/messaging`, {
		auth: { token: await tokenOf(userId) },
		transports: ["websocket"],
		reconnectionDelay: 10,
	});
	await until(() => client.connected);
	return client;
}

function lineOf(client: Socket): Line {
	return (client.io.engine.transport as unknown as { ws: Line }).ws;
}

function codeOf(details: unknown): number | undefined {
	return (details as { context?: { code?: number } } | undefined)?.context?.code;
}
