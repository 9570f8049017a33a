import { once } from "node:events";
import type { Server } from "node:http";
import { connect, type Socket } from "node:net";
import { until } from "../../testing/until.ts";
import { startBroker, type TestNode } from "../support/broker.ts";
import { gatewayOf, urlOf } from "../support/gateway.ts";
import { useDatabase } from "../support/use-node.ts";

jest.setTimeout(20_000);

/** How long load balancers keep an idle connection by default: 60 s at AWS, nginx and HAProxy. */
const balancersKeepMs = 60_000;

let node: TestNode;
const sockets: Socket[] = [];

const database = useDatabase();

beforeEach(async () => {
	node = await startBroker({ databaseUrl: database.url });
});

afterEach(async () => {
	for (const socket of sockets.splice(0)) socket.destroy();
	await node.stop();
});

test("an idle connection is kept longer than a load balancer keeps it, and the answer says for how long", async () => {
	const server = httpServer();
	expect(server.keepAliveTimeout).toBeGreaterThan(balancersKeepMs);
	// A request may take much less.
	expect(Math.max(server.headersTimeout, server.requestTimeout)).toBeLessThanOrEqual(30_000);
	const answer = await fetch(`${urlOf(node)}/health/live`);
	await answer.text();
	expect(answer.headers.get("keep-alive")).toBe(`timeout=${server.keepAliveTimeout / 1_000}`);
});

test("a stop waits neither for idle connections nor for those that never sent a request", async () => {
	const [idle, silent] = [await open(), await open()];
	idle.write("GET /health/live HTTP/1.1\r\nHost: parley\r\n\r\n");
	await once(idle, "data");
	const closed = Promise.all([idle, silent].map((socket) => once(socket, "close")));
	expect(await endsWithin(5_000, node.stop())).toBe(true);
	await closed;
});

test("a request that is still on its way while the server stops is answered, and its connection ends with the answer", async () => {
	const [slow, server] = [await open(), httpServer()];
	const begun = once(server, "request");
	slow.write("POST /conversations HTTP/1.1\r\nHost: parley\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{");
	await begun;
	const chunks: Buffer[] = [];
	slow.on("data", (chunk: Buffer) => chunks.push(chunk));
	const stopped = node.stop();
	await until(() => !server.listening);
	const ended = once(slow, "close");
	slow.write("}");
	expect(await endsWithin(3_000, Promise.all([ended, stopped]))).toBe(true);
	expect(Buffer.concat(chunks).toString()).toMatch(/^HTTP\/1\.1 \d{3} [\s\S]*\{.*\}/);
});

function httpServer(): Server {
	return gatewayOf(node).server as unknown as Server;
}

async function open(): Promise<Socket> {
	const { hostname, port } = new URL(urlOf(node));
	const socket = connect(Number(port), hostname);
	sockets.push(socket);
	await once(socket, "connect");
	return socket;
}

async function endsWithin(timeoutMs: number, work: Promise<unknown>): Promise<boolean> {
	const late = new Promise<false>((resolve) => setTimeout(() => resolve(false), timeoutMs).unref());
	return Promise.race([work.then(() => true as const), late]);
}
