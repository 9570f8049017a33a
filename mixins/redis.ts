import type { Redis } from "ioredis";
import type { Service, ServiceBroker, ServiceSchema } from "moleculer";
import { createRedis } from "./redis-connection.ts";

/** How long an answer is waited for. */
const commandTimeoutMs = 500;

/** What the mixin adds to a service. */
export interface WithRedis extends Service {
	redis: Redis;
}

const shared = new WeakMap<ServiceBroker, { redis: Promise<Redis>; users: number }>();

/** `this.redis` from `started` to `stopped`: one connection a process, closed by the last service that uses it. */
export const redis: Partial<ServiceSchema> = {
	async started(this: Service) {
		const { broker } = this;
		const entry = shared.get(broker) ?? { redis: open(broker), users: 0 };
		entry.users++;
		shared.set(broker, entry);
		(this as WithRedis).redis = await entry.redis;
	},
	async stopped(this: Service) {
		const entry = shared.get(this.broker);
		if (!entry || --entry.users > 0) return;
		shared.delete(this.broker);
		(await entry.redis).disconnect();
	},
};

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

/** A development dependency: where Redis is a server, it is not installed. */
async function inProcess(): Promise<Redis> {
	const { default: RedisMock } = await import("ioredis-mock");
	return new RedisMock() as unknown as Redis;
}
