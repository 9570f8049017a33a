import type { Redis } from "ioredis";
import type { Logger } from "moleculer";
import { createRedis, redisRetryMs } from "../../mixins/redis-connection.ts";

/** How long a command waits for its answer. */
const commandTimeoutMs = 250;

/** A connection to Redis whose user has another way while Redis does not answer. */
export class RedisLink {
	readonly redis: Redis;
	readonly #logger: Logger;
	/** When to try again; set only while Redis does not answer. */
	#retryAtMs: number | undefined;

	constructor(url: string, logger: Logger) {
		this.#logger = logger;
		this.redis = createRedis(url, { commandTimeout: commandTimeoutMs, enableAutoPipelining: true });
		this.redis.on("error", (error) => this.#failed(error));
		// A new connection is used at once, without waiting until the next attempt is due.
		this.redis.on("ready", () => this.#answered());
	}

	/** Resolves after the first attempt to connect: a node starts without Redis too. */
	async open(): Promise<void> {
		await this.redis.connect().catch(() => {});
	}

	close(): void {
		this.redis.disconnect();
	}

	/**
	 * The answer to the command, or undefined when Redis does not answer. From then on, one caller a second tries again, and the others
	 * get undefined at once.
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
