import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { until } from "../../testing/until.ts";
import { anyAnswer, TcpProxy } from "../support/tcp-proxy.ts";

let echo: Server;
let heard: string;
let proxy: TcpProxy;

beforeEach(async () => {
	heard = "";
	echo = createServer((socket) => {
		socket.on("error", () => {});
		socket.on("data", (bytes) => {
			heard += bytes;
			socket.write(bytes);
		});
	});
	await once(echo.listen(0, "127.0.0.1"), "listening");
	proxy = await TcpProxy.before(`tcp://127.0.0.1:${(echo.address() as { port: number }).port}`);
});

afterEach(async () => {
	await proxy.close();
	echo.close();
});

/** What a client got, and whether the connection was closed, by whatever. */
async function open(): Promise<{ socket: Socket; got: string; closed: boolean }> {
	const socket = connect(Number(new URL(proxy.url).port), "127.0.0.1");
	const client = { socket, got: "", closed: false };
	socket.on("error", () => {});
	socket.on("data", (bytes) => {
		client.got += bytes;
	});
	socket.on("close", () => {
		client.closed = true;
	});
	await once(socket, "connect");
	socket.write("a");
	return client;
}

test("it passes everything on in order, slow or not", async () => {
	const client = await open();
	await until(() => client.got === "a");
	proxy.slow({ latencyMs: 20, bytesPerSecond: 1_000_000 });
	client.socket.write("b");
	proxy.pass();
	client.socket.write("c");
	client.socket.end("d");
	await until(() => client.closed);
	expect(client.got).toBe("abcd");
});

test("into a black hole go the connections that are open, for good; those that come pass, unless it is for them as well", async () => {
	const client = await open();
	await until(() => client.got === "a");
	proxy.blackHole();
	client.socket.write("lost");
	const second = await open();
	await until(() => second.got === "a");

	proxy.blackHole({ newToo: true });
	const third = await open();
	second.socket.write("lost");
	await until(() => proxy.connections === 3);
	proxy.pass();
	const fourth = await open();
	await until(() => fourth.got === "a");
	expect(heard).toBe("aaa");
	expect([client, second, third].map(({ got, closed }) => [got, closed])).toEqual([
		["a", false],
		["a", false],
		["", false],
	]);
	proxy.reset();
	await until(() => [client, second, third, fourth].every(({ closed }) => closed));
});

test("a swallowed answer was given, and never arrives", async () => {
	const client = await open();
	await until(() => client.got === "a");
	proxy.swallow({ ...anyAnswer, request: "twice" });
	client.socket.write("once");
	await until(() => client.got === "aonce");
	client.socket.write("twice");
	await until(() => client.closed);
	expect(heard).toBe("aoncetwice");
	expect(client.got).toBe("aonce");
	expect(proxy.swallowed).toBe(1);
});
