import type { Redis } from "ioredis";
import { chunksOf } from "../../lib/chunks.ts";
import type { Presence, Status } from "./presence.contract.ts";
import { isBetter, mergeStatuses } from "./presence.contract.ts";
import { graceMs, type Registry, run } from "./registry.ts";
import { usersPerScript } from "./script.ts";
import { claimScript, releaseScript } from "./scripts.ts";

/** A node that has claimed users tells of them within this time; after that it is taken for dead, and another tells of them. */
const claimMs = 15_000;

/** What is asked of Redis at a time. */
const chunkSize = 1_000;

/** Users of whom a node is about to tell. */
export interface Claimed {
	userId: string;
	/** A node that had claimed the user before did not finish: perhaps others have not heard what was written down. */
	again: boolean;
}

/**
 * Decides what others are told of users. In Redis:
 *
 * - `announced:<userId>`: the status that others were last told; none for offline.
 * - `seen:<userId>`: when their last socket on some gateway went, as ISO time.
 * - `due`: a sorted set of users whose status is not what was announced, by when to tell of it (scripts.ts, `look`).
 * - `telling`: a sorted set of users of whom a node is telling now, by when that claim runs out. Nobody else tells of them meanwhile,
 *   so what is told of a user is told once, and in order.
 */
export class Watch {
	readonly #redis: Redis;
	readonly #registry: Registry;

	constructor(redis: Redis, registry: Registry) {
		this.#redis = redis;
		this.#registry = registry;
	}

	/** Some of those of whom something is to be told now; to be released afterwards. */
	async claim(limit: number): Promise<Claimed[]> {
		const now = Date.now();
		const [due = 0, left = 0] = await run<number>(
			this.#redis.pipeline().zcount("due", "-inf", now).zcount("telling", "-inf", now),
		);
		if (due + left === 0) return [];
		const flat = (await claimScript.run(this.#redis, [now, now + claimMs, limit])) as string[];
		return chunksOf(flat, 2).map(([userId = "", again]) => ({ userId, again: again === "1" }));
	}

	/** Writes down what others are told of these users from now on; those of whom there is something to tell. */
	async settle(claimed: Claimed[]): Promise<Presence[]> {
		const userIds = claimed.map(({ userId }) => userId);
		const [statuses, told, schedules] = await Promise.all([
			this.#registry.statuses(userIds),
			this.#announced(userIds),
			this.#redis.zmscore("due", ...userIds),
		]);
		const news: { userId: string; status: Status }[] = [];
		const pipeline = this.#redis.pipeline();
		claimed.forEach(({ userId, again }, i) => {
			const before = told[i] as Status;
			const merged = mergeStatuses(statuses[i] ?? []);
			// A socket has gone since the claim: that is told when its own time comes.
			const isLater = isBetter(before, merged) && schedules[i] !== null;
			const status = isLater ? before : merged;
			if (status !== before) {
				if (status === "offline") pipeline.del(announcedOf(userId));
				else pipeline.set(announcedOf(userId), status);
			}
			if (status !== before || again) news.push({ userId, status });
		});
		await run(pipeline);
		return this.#presences(news);
	}

	/** These users have been told of. */
	async release(claimed: Claimed[]): Promise<void> {
		for (const piece of chunksOf(claimed, usersPerScript)) {
			const userIds = piece.map(({ userId }) => userId);
			await releaseScript.run(this.#redis, [Date.now(), graceMs, ...userIds]);
		}
	}

	/** What others see. */
	async lookup(userIds: string[]): Promise<Presence[]> {
		const presences: Presence[] = [];
		for (const chunk of chunksOf(userIds, chunkSize)) {
			const announced = await this.#announced(chunk);
			presences.push(...(await this.#presences(chunk.map((userId, i) => ({ userId, status: announced[i] as Status })))));
		}
		return presences;
	}

	async #announced(userIds: string[]): Promise<Status[]> {
		const announced = await this.#redis.mget(userIds.map(announcedOf));
		return announced.map((status) => (status as Status | null) ?? "offline");
	}

	async #presences(users: { userId: string; status: Status }[]): Promise<Presence[]> {
		if (users.length === 0) return [];
		const seen = await this.#redis.mget(users.map(({ userId }) => `seen:${userId}`));
		const now = new Date().toISOString();
		return users.map(({ userId, status }, i) => ({ userId, status, lastSeenAt: status === "offline" ? (seen[i] ?? null) : now }));
	}
}

const announcedOf = (userId: string) => `announced:${userId}`;
