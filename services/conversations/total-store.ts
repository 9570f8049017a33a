import type { Redis } from "ioredis";
import type { Logger } from "moleculer";
import { maxTotalAgeSeconds } from "./unread-total.ts";

/** How long Redis is left alone after it did not answer. */
const retryMs = 1_000;

/**
 * Saved totals in Redis, under `unread:<userId>`. A total carries its snapshot, so one that is old or was written by another node is as
 * good as any other, and a lost one is summed anew. Nothing here fails: without Redis nothing is saved.
 */
export class TotalStore {
	readonly #redis: Redis;
	readonly #logger: Pick<Logger, "debug">;
	#retryAtMs = 0;

	constructor(redis: Redis, logger: Pick<Logger, "debug">) {
		this.#redis = redis;
		this.#logger = logger;
	}

	/** Those that there are. */
	async read(userIds: readonly string[]): Promise<Map<string, string>> {
		if (userIds.length === 0) return new Map();
		const values = (await this.#ask(() => this.#redis.mget(userIds.map(keyOf)))) ?? [];
		return new Map(userIds.flatMap((userId, i) => (values[i] ? [[userId, values[i]] as const] : [])));
	}

	async write(totals: readonly (readonly [userId: string, saved: string])[]): Promise<void> {
		if (totals.length === 0) return;
		await this.#ask(async () => {
			const pipeline = this.#redis.pipeline();
			for (const [userId, saved] of totals) pipeline.set(keyOf(userId), saved, "EX", maxTotalAgeSeconds);
			const [failed] = ((await pipeline.exec()) ?? []).flatMap(([error]) => error ?? []);
			if (failed) throw failed;
		});
	}

	/** Undefined when Redis does not answer. */
	async #ask<Answer>(command: () => Promise<Answer>): Promise<Answer | undefined> {
		if (performance.now() < this.#retryAtMs) return undefined;
		try {
			return await command();
		} catch (error) {
			this.#retryAtMs = performance.now() + retryMs;
			this.#logger.debug("Redis does not answer, unread totals are summed:", error);
			return undefined;
		}
	}
}

const keyOf = (userId: string) => `unread:${userId}`;
