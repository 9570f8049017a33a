import type { Logger } from "moleculer";
import { RateLimiterMemory, RateLimiterRedis, type RateLimiterRes } from "rate-limiter-flexible";
import type { Config } from "../lib/config.ts";
import { ParleyError } from "../lib/errors.ts";
import type { Rate } from "../lib/rate.ts";
import { RedisLink } from "./redis-link.ts";

/** Where somebody stands in their window. */
export interface Quota {
	/** Whether what was counted last may be done. */
	allowed: boolean;
	limit: number;
	remaining: number;
	/** Until the window ends and everything may be done again. */
	resetSeconds: number;
}

/** What is counted over all nodes. */
export type SharedLimit = Exclude<keyof Config["rateLimits"], "socketQueries" | "socketEvents">;

/** The limits of a node's settings, with what counts them: Redis, or without one this process. */
export class Limits {
	readonly #limiters: Map<string, Limiter>;
	readonly #link: RedisLink | undefined;

	constructor({ redisUrl, rateLimits: { socketQueries: _, socketEvents: __, ...rates } }: Config, logger: Logger) {
		const limited = Object.entries(rates).flatMap(([name, rate]) => (rate === "off" ? [] : [{ name, rate }]));
		const link = redisUrl === undefined || limited.length === 0 ? undefined : new RedisLink(redisUrl, logger);
		this.#limiters = new Map(limited.map(({ name, rate }) => [name, new Limiter(name, rate, link)]));
		this.#link = link;
	}

	/** Undefined when it is off. */
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

/** Counts one thing, by user or by address. While Redis does not answer, each node counts by itself (docs/adr/0010). */
export class Limiter {
	readonly #rate: Rate;
	readonly #memory: RateLimiterMemory;
	readonly #shared: { redis: RateLimiterRedis; link: RedisLink } | undefined;

	constructor(name: string, rate: Rate, link: RedisLink | undefined) {
		const options = { points: rate.points, duration: rate.windowSeconds, keyPrefix: `parley:rate:${name}` };
		this.#rate = rate;
		this.#memory = new RateLimiterMemory(options);
		this.#shared = link && { redis: new RateLimiterRedis({ ...options, storeClient: link.redis }), link };
	}

	/** Counts once more. */
	async take(key: string): Promise<Quota> {
		const take = (limiter: Counter) => limiter.penalty(key, 1);
		return this.#quota((await this.#ask(take)) ?? (await take(this.#memory)));
	}

	/** Takes one back: it turned out to be nothing that counts. */
	async giveBack(key: string): Promise<Quota> {
		const giveBack = (limiter: Counter) => limiter.reward(key, 1);
		return this.#quota((await this.#ask(giveBack)) ?? (await giveBack(this.#memory)));
	}

	async #ask(count: (limiter: Counter) => Promise<RateLimiterRes>): Promise<RateLimiterRes | undefined> {
		const { redis, link } = this.#shared ?? {};
		return redis && link?.ask(() => count(redis));
	}

	#quota({ consumedPoints, msBeforeNext }: RateLimiterRes): Quota {
		const { points } = this.#rate;
		return {
			allowed: consumedPoints <= points,
			limit: points,
			// One that is given back after its window has ended must not promise more than there is.
			remaining: Math.min(Math.max(points - consumedPoints, 0), points),
			resetSeconds: Math.max(Math.ceil(msBeforeNext / 1000), 1),
		};
	}
}

/** `penalty` and `reward` count without judging, where `consume` would reject. */
type Counter = Pick<RateLimiterMemory, "penalty" | "reward">;

export function rateLimited({ resetSeconds }: { resetSeconds: number }): ParleyError {
	return new ParleyError("RATE_LIMITED", { details: { retryAfterSeconds: resetSeconds } });
}
