import type { Redis } from "ioredis";
import type { Logger } from "moleculer";
import { createRedis, redisRetryMs } from "../../mixins/redis-connection.ts";

/** How long an answer is waited for. */
const commandTimeoutMs = 250;

/** A connection to a Redis that one can do without for a while. */
export class RedisLink {
	readonly redis: Redis;
	readonly #logger: Logger;
	/** Set while Redis does not answer: when to ask again. */
	#retryAtMs: number | undefined;

	constructor(url: string, logger: Logger) {
		this.#logger = logger;
		this.redis = createRedis(url, { commandTimeout: commandTimeoutMs, enableAutoPipelining: true });
		this.redis.on("error", (error) => this.#failed(error));
		// A Redis that comes back is asked at once, not at the end of the second.
		this.redis.on("ready", () => this.#answered());
	}

	/** Resolves when it was tried: a Redis that is away is no reason not to start. */
	async open(): Promise<void> {
		await this.redis.connect().catch(() => {});
	}

	close(): void {
		this.redis.disconnect();
	}

	/**
	 * What the command gives, or undefined when Redis does not answer. Once it has not, only one caller a second tries; the others
	 * do not wait with it.
	 */
	async ask<Answer>(command: () => Promise<Answer>): Promise<Answer | undefined> {
		if (!this.#mayAsk()) return undefined;
		try {
			const answer = await command();
			this.#answered();
			return answer;
		} catch (error) {
			this.#failed(error);
			return undefined;
		}
	}

	#mayAsk(): boolean {
		const { status } = this.redis;
		if (status !== "ready") {
			this.#failed(`the connection is ${status}`);
			return false;
		}
		if (this.#retryAtMs === undefined) return true;
		const nowMs = performance.now();
		if (nowMs < this.#retryAtMs) return false;
		this.#retryAtMs = nowMs + redisRetryMs;
		return true;
	}

	#failed(error: unknown): void {
		if (this.#retryAtMs === undefined)
			this.#logger.warn(
				"Redis does not answer; limits are counted on this node alone:",
				error instanceof Error ? error.message : error,
			);
		this.#retryAtMs = performance.now() + redisRetryMs;
	}

	#answered(): void {
		if (this.#retryAtMs !== undefined) this.#logger.info("Redis answers again; limits are counted over all nodes.");
		this.#retryAtMs = undefined;
	}
}
