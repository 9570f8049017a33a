import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { until } from "./until.ts";

/** A redis-server of a test's own, which keeps nothing, that the test may kill. */
export interface OwnRedis {
	url: string;
	/** As when its machine loses power. */
	kill(): Promise<void>;
	/** Nothing is answered and nothing is closed, until `thaw`. */
	freeze(): void;
	thaw(): void;
	/** On the same port as before, and empty. */
	restart(): Promise<void>;
	stop(): Promise<void>;
}

export async function startOwnRedis(): Promise<OwnRedis> {
	const folder = mkdtempSync(join(tmpdir(), "parley-redis-"));
	const port = await freePort();
	const url = `redis://127.0.0.1:${port}`;
	let server = await start();

	function start(): Promise<ChildProcess> {
		const options = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "no"];
		const child = spawn("redis-server", options, { stdio: "ignore" });
		return answers(url).then(() => child);
	}

	async function kill(): Promise<void> {
		if (server.exitCode !== null || server.signalCode !== null) return;
		server.kill("SIGKILL");
		await once(server, "exit");
	}

	return {
		url,
		kill,
		freeze: () => void server.kill("SIGSTOP"),
		thaw: () => void server.kill("SIGCONT"),
		async restart() {
			await kill();
			server = await start();
		},
		async stop() {
			await kill();
			rmSync(folder, { recursive: true });
		},
	};
}

async function answers(url: string): Promise<void> {
	const client = new Redis(url, { lazyConnect: true, retryStrategy: () => 20 });
	client.on("error", () => {});
	await client.connect().catch(() => {});
	await until(() => client.ping());
	client.disconnect();
}

async function freePort(): Promise<number> {
	const server = createServer().listen(0, "127.0.0.1");
	await once(server, "listening");
	const address = server.address();
	await new Promise((resolve) => server.close(resolve));
	if (address === null || typeof address === "string") throw new Error("There is no free port.");
	return address.port;
}
