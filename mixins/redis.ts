import type { Redis } from "ioredis";
import type { Service, ServiceBroker, ServiceSchema } from "moleculer";
import { createRedis } from "./redis-connection.ts";
import { SharedResource } from "./shared-resource.ts";

/** How long a command waits for its answer. */
const commandTimeoutMs = 500;

/** What the mixin adds to a service. */
export interface WithRedis extends Service {
	redis: Redis;
}

const shared = new SharedResource(open, async (opening) => (await opening).disconnect());

/** Gives a service `this.redis` from `started` to `stopped`. All services of a process share one connection. */
export const redis: Partial<ServiceSchema> = {
	async started(this: Service) {
		(this as WithRedis).redis = await shared.acquire(this.broker);
	},
	stopped(this: Service) {
		return shared.release(this.broker);
	},
};

/** Resolves when the first attempt to connect is over: a node starts without Redis too. */
async function open(broker: ServiceBroker): Promise<Redis> {
	const { redisUrl } = broker.config;
	if (redisUrl === undefined) return inProcess();
	const client = createRedis(redisUrl, { commandTimeout: commandTimeoutMs });
	let wasLost = false;
	client.on("error", (error) => {
		if (!wasLost) broker.logger.warn("Redis is away:", error.message);
		wasLost = true;
	});
	client.on("ready", () => {
		if (wasLost) broker.logger.info("Redis is back.");
		wasLost = false;
	});
	await client.connect().catch(() => {});
	return client;
}

/** ioredis-mock is a development dependency, so it is imported only where no Redis server is set. */
async function inProcess(): Promise<Redis> {
	const { default: RedisMock } = await import("ioredis-mock");
	return new RedisMock();
}
