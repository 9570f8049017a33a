import { join } from "node:path";
import { Redis } from "ioredis";
import { freePort } from "../embedded/free-port.ts";
import { OsProcess } from "./processes.ts";
import { findProgram } from "./programs.ts";

/** A real redis-server on loopback. It stores nothing on disk, so it is empty after a restart. */
export interface RedisServer {
	url: string;
	process: OsProcess;
	/** Deletes all keys. */
	flush(): Promise<void>;
}

/** `folder` is for its log. */
export async function startRedis(folder: string): Promise<RedisServer> {
	const port = await freePort();
	const url = `redis://127.0.0.1:${port}`;
	const server = new OsProcess({
		name: "redis-server",
		file: await findProgram("redis-server"),
		args: ["--bind", "127.0.0.1", "--port", String(port), "--dir", folder, "--save", "", "--appendonly", "no"],
		logFile: join(folder, "redis.log"),
		isReady: async () => (await withRedis(url, (redis) => redis.ping())) === "PONG",
	});
	await server.start();
	return {
		url,
		process: server,
		flush: async () => {
			await withRedis(url, (redis) => redis.flushall());
		},
	};
}

async function withRedis<Answer>(url: string, ask: (redis: Redis) => Promise<Answer>): Promise<Answer> {
	const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 });
	// A failure rejects `connect` or the command. Without this listener, ioredis prints it too.
	redis.on("error", () => {});
	try {
		await redis.connect();
		return await ask(redis);
	} finally {
		redis.disconnect();
	}
}
