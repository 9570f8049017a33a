import { Redis, type RedisOptions } from "ioredis";
import { connectTimeoutMs } from "../lib/timeouts.ts";

/** The longest pause before the next attempt to connect. */
export const redisRetryMs = 1_000;

/**
 * The one way to connect to Redis. Parley works without Redis for a while, so a command must not wait for a lost connection: while
 * there is none, commands fail at once, and commands that were sent before are not sent again. A connection that receives nothing
 * for one second while an answer is due is closed. Callers set how long a command waits for its answer.
 */
export function createRedis(url: string, options: Pick<RedisOptions, "commandTimeout" | "enableAutoPipelining">): Redis {
	return new Redis(url, {
		...options,
		lazyConnect: true,
		enableOfflineQueue: false,
		autoResendUnfulfilledCommands: false,
		maxRetriesPerRequest: 0,
		connectTimeout: connectTimeoutMs,
		socketTimeout: 1_000,
		retryStrategy: (times) => Math.min(times * 50, redisRetryMs),
	});
}
