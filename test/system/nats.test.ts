import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, connect as dial, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type NatsServer, startNats } from "../../testing/nats.ts";
import { until } from "../../testing/until.ts";
import { startBrokers, type TestNode } from "../support/broker.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/database.ts";
import { echo } from "../support/echo.ts";

jest.setTimeout(60_000);

let folder: string;
let database: TestDatabase;
let nats: NatsServer;
let path: Path;
let caller: TestNode;
let server: TestNode;

beforeAll(async () => {
	folder = mkdtempSync(join(tmpdir(), "parley-black-hole-"));
	database = await createMigratedDatabase();
	nats = await startNats(folder);
	path = await Path.to(nats.url);
	const node = (url: string) => ({
		databaseUrl: database.url,
		services: [],
		env: { NATS_URL: url, REDIS_URL: "redis://127.0.0.1:1" },
	});
	[caller, server] = (await startBrokers(node(path.url), { ...node(nats.url), others: [echo] })) as [TestNode, TestNode];
}, 60_000);

afterAll(async () => {
	for (const node of [caller, server]) await node?.stop();
	path?.close();
	await nats?.process.stop();
	await database?.drop();
	rmSync(folder, { recursive: true, force: true });
}, 60_000);

test.each(["hardly anything", "megabytes"])("a silent connection with %s unsent is replaced within 10 s", async (unsent) => {
	path.swallow();
	const startedMs = performance.now();
	const text = "a".repeat(unsent === "megabytes" ? 20 * 1024 * 1024 : 1);
	void caller.broker.call("echo.count", { text }, { retries: 0 }).catch(() => undefined);
	await answered();
	const replacedMs = performance.now() - startedMs;
	process.stdout.write(`${unsent} unsent: calls are answered again after ${Math.round(replacedMs)} ms\n`);
	expect(replacedMs).toBeLessThan(10_000);
});

test("a request and an answer of 5 MB arrive whole over a real nats-server with default settings", async () => {
	const text = "é☃👍".repeat(1024 * 1024);
	expect((await caller.broker.call<string, object>("echo.same", { text })) === text).toBe(true);
});

test("what is longer than the bus takes is refused at once, on the way there and back, and the connection stays", async () => {
	const startedMs = performance.now();
	const tooLong = { type: "PACKET_TOO_LARGE" };
	await expect(caller.broker.call("echo.letters", { count: 33 * 1024 * 1024 })).rejects.toMatchObject(tooLong);
	await expect(caller.broker.call("echo.count", { text: "a".repeat(33 * 1024 * 1024) })).rejects.toMatchObject(tooLong);
	expect(performance.now() - startedMs).toBeLessThan(5_000);
	expect(await caller.broker.call("echo.count", { text: "four" })).toBe(4);
});

function answered(): Promise<boolean> {
	const call = () => caller.broker.call("echo.count", { text: "four" }, { timeout: 1_000, retries: 0 });
	return until(async () => (await call()) === 4, { timeoutMs: 30_000, intervalMs: 100 });
}

/** A way to a server on which connections can fall silent, as when a host vanishes: nothing comes, and nothing says so. */
class Path {
	readonly #server: Server;
	#sockets: Socket[] = [];

	private constructor(server: Server) {
		this.#server = server;
	}

	static async to(target: string): Promise<Path> {
		const { hostname, port } = new URL(target);
		const server = createServer();
		const path = new Path(server);
		server.on("connection", (near) => {
			const far = dial(Number(port), hostname);
			for (const socket of [near, far]) socket.on("error", () => socket.destroy());
			near.pipe(far).pipe(near);
			path.#sockets.push(near, far);
		});
		await once(server.listen(0, "127.0.0.1"), "listening");
		return path;
	}

	get url(): string {
		const address = this.#server.address();
		if (address === null || typeof address === "string") throw new Error("no TCP port");
		return `nats://127.0.0.1:${address.port}`;
	}

	/** The connections of now take nothing any more. Those to come are as they should be. */
	swallow(): void {
		for (const socket of this.#sockets) socket.unpipe().pause();
	}

	close(): void {
		for (const socket of this.#sockets) socket.destroy();
		this.#server.close();
	}
}
