import { Redis, type RedisOptions } from "ioredis";
import { connectTimeoutMs } from "../lib/timeouts.ts";

/** The longest pause before connecting again. */
export const redisRetryMs = 1_000;

/**
 * How every part connects to Redis. Parley can do without it for a while: nobody waits for one that is away, and what was asked
 * before it went is not asked again. A connection that was cut without a word is closed after a second in which an answer was due;
 * from then until there is a new one, commands fail at once.
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
