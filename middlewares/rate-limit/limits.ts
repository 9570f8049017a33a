import type { Redis } from "ioredis";
import type { Logger } from "moleculer";
import { RateLimiterMemory, RateLimiterRedis, type RateLimiterRes } from "rate-limiter-flexible";
import type { Config } from "../../lib/config/config.ts";
import type { Rate } from "../../lib/rate.ts";
import { RedisLink } from "./redis-link.ts";

/** What is left of a limit in the current window. */
export interface Quota {
	/** Whether the operation that was counted last is allowed. */
	allowed: boolean;
	limit: number;
	remaining: number;
	/** How long until the window ends. */
	resetSeconds: number;
}

/** A counted operation. */
export interface Taken extends Quota {
	/** Takes the count back, for an operation that should not count. Does nothing when the window has ended. */
	giveBack(): Promise<Quota>;
}

/** The limits that all nodes count together. */
export type SharedLimit = Exclude<keyof Config["rateLimits"], "socketQueries" | "socketEvents">;

/** The limiters of a node. They count in Redis, or without Redis in this process. */
export class Limits {
	readonly #limiters: Map<string, Limiter>;
	readonly #link: RedisLink | undefined;

	constructor({ redisUrl, rateLimits: { socketQueries: _, socketEvents: __, ...rates } }: Config, logger: Logger) {
		const limited = Object.entries(rates).flatMap(([name, rate]) => (rate === "off" ? [] : [{ name, rate }]));
		const link = redisUrl === undefined || limited.length === 0 ? undefined : new RedisLink(redisUrl, logger);
		this.#limiters = new Map(limited.map(({ name, rate }) => [name, new Limiter(name, rate, link)]));
		this.#link = link;
	}

	/** Undefined when the limit is off. */
	of(name: SharedLimit): Limiter | undefined {
		return this.#limiters.get(name);
	}

	async open(): Promise<void> {
		await this.#link?.open();
	}

	close(): void {
		this.#link?.close();
	}
}

/** Counts one kind of operation by user or by address. While Redis does not answer, each node counts alone (docs/adr/0010). */
export class Limiter {
	readonly #rate: Rate;
	readonly #memory: RateLimiterMemory;
	readonly #shared: { redis: SharedLimiter; link: RedisLink } | undefined;

	constructor(name: string, rate: Rate, link: RedisLink | undefined) {
		const options = { points: rate.points, duration: rate.windowSeconds, keyPrefix: `rate:${name}` };
		this.#rate = rate;
		this.#memory = new RateLimiterMemory(options);
		this.#shared = link && { redis: new SharedLimiter({ ...options, storeClient: link.redis }), link };
	}

	/** Counts one operation. */
	async take(key: string): Promise<Taken> {
		const { redis, link } = this.#shared ?? {};
		const counted = redis && (await link?.ask(() => redis.penalty(key, 1)));
		const result = counted ?? (await this.#memory.penalty(key, 1));
		const atMs = performance.now();
		/** The most that the window of this count can have left. A window with more left began later. */
		const leftMs = () => Math.ceil(result.msBeforeNext - (performance.now() - atMs)) + roundingMs;
		return {
			...this.#quota(result),
			giveBack: async () => {
				const left = counted
					? await link?.ask(() => redis.giveBack(key, leftMs()))
					: await giveBackInMemory(this.#memory, key, leftMs());
				// Redis has counted it and does not answer now: it stays counted.
				return this.#quota(left ?? result);
			},
		};
	}

	#quota({ consumedPoints, msBeforeNext }: Counted): Quota {
		const { points } = this.#rate;
		return {
			allowed: consumedPoints <= points,
			limit: points,
			remaining: Math.max(points - consumedPoints, 0),
			resetSeconds: Math.max(Math.ceil(msBeforeNext / 1000), 1),
		};
	}
}

/** How much two times may differ because both are rounded to milliseconds. */
const roundingMs = 2;

/** Nothing is counted. */
const untouched = (windowSeconds: number): Counted => ({ consumedPoints: 0, msBeforeNext: windowSeconds * 1_000 });

type Counted = Pick<RateLimiterRes, "consumedPoints" | "msBeforeNext">;

/**
 * Takes one count back, unless the window has more than `maxLeftMs` left: then it began after the count. When the window has
 * ended, `reward` would begin a new one with a negative count.
 */
async function giveBackInMemory(limiter: RateLimiterMemory, key: string, maxLeftMs: number): Promise<Counted> {
	const now = await limiter.get(key);
	if (!now) return untouched(limiter.duration);
	// No window can end in between: `get` has its answer in the same turn of the event loop.
	return now.msBeforeNext > maxLeftMs ? now : limiter.reward(key, 1);
}

/** Takes counts back in Redis. A script does it in one step, because another node may begin a window at any time. */
class SharedLimiter extends RateLimiterRedis {
	readonly #redis: Redis;

	constructor(options: ConstructorParameters<typeof RateLimiterRedis>[0] & { storeClient: Redis }) {
		super(options);
		this.#redis = options.storeClient;
	}

	async giveBack(key: string, maxLeftMs: number): Promise<Counted> {
		const [count, leftMs] = (await this.#redis.eval(giveBackScript, 1, this.getKey(key), maxLeftMs)) as [number, number];
		return leftMs < 0 ? untouched(this.duration) : { consumedPoints: count, msBeforeNext: leftMs };
	}
}

const giveBackScript = `
	local left = redis.call("pttl", KEYS[1])
	if left < 0 then return {0, left} end
	if left <= tonumber(ARGV[1]) then return {redis.call("decr", KEYS[1]), left} end
	return {tonumber(redis.call("get", KEYS[1])), left}`;
