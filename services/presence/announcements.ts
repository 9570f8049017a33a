import type { Redis } from "ioredis";
import { chunksOf } from "../../lib/chunks.ts";
import type { Presence, Status } from "./presence.contract.ts";
import { isBetter, mergeStatuses } from "./presence.contract.ts";
import { graceMs, type Registry, run } from "./registry.ts";
import { usersPerScript } from "./script.ts";
import { claimScript, releaseScript } from "./scripts.ts";

/** A node announces users within this time after it has claimed them. Then the claim expires, and another node does it. */
const claimMs = 15_000;

/** Users in one command to Redis. */
const chunkSize = 1_000;

/** A user whom a node is about to announce. */
export interface Claimed {
	userId: string;
	/** An earlier claim has expired, so the status that is stored as announced may not have been sent. */
	isRepeated: boolean;
}

/**
 * Decides which changes of presence are announced to others. In Redis:
 *
 * - `announced:<userId>`: the status that was announced last; no key for offline.
 * - `seen:<userId>`: when the user's last socket on some gateway disconnected, as ISO time.
 * - `due`: a sorted set of users whose status differs from the announced one, by when to announce it (scripts.ts, `compare`).
 * - `telling`: a sorted set of users whom a node is announcing now, by when that claim expires. No other node announces them
 *   meanwhile, so announcements about a user are made once, and in order.
 */
export class Announcements {
	readonly #redis: Redis;
	readonly #registry: Registry;

	constructor(redis: Redis, registry: Registry) {
		this.#redis = redis;
		this.#registry = registry;
	}

	/** Claims some of the users whose change is due. To be released afterwards. */
	async claim(limit: number): Promise<Claimed[]> {
		const now = Date.now();
		const [due = 0, left = 0] = await run<number>(
			this.#redis.pipeline().zcount("due", "-inf", now).zcount("telling", "-inf", now),
		);
		if (due + left === 0) return [];
		const flat = (await claimScript.run(this.#redis, [now, now + claimMs, limit])) as string[];
		return chunksOf(flat, 2).map(([userId = "", repeated]) => ({ userId, isRepeated: repeated === "1" }));
	}

	/** Stores the present statuses of these users as announced. Returns those that must be announced now. */
	async update(claimed: Claimed[]): Promise<Presence[]> {
		const userIds = claimed.map(({ userId }) => userId);
		const [statuses, told, schedules] = await Promise.all([
			this.#registry.statuses(userIds),
			this.#announced(userIds),
			this.#redis.zmscore("due", ...userIds),
		]);
		const changed: { userId: string; status: Status }[] = [];
		const pipeline = this.#redis.pipeline();
		claimed.forEach(({ userId, isRepeated }, i) => {
			const before = told[i] as Status;
			const merged = mergeStatuses(statuses[i] ?? []);
			// A socket has disconnected since the claim. That is announced when it is due itself.
			const isDueLater = isBetter(before, merged) && schedules[i] !== null;
			const status = isDueLater ? before : merged;
			if (status !== before) {
				if (status === "offline") pipeline.del(announcedOf(userId));
				else pipeline.set(announcedOf(userId), status);
			}
			if (status !== before || isRepeated) changed.push({ userId, status });
		});
		await run(pipeline);
		return this.#presences(changed);
	}

	/** Ends the claims, after the users have been announced. */
	async release(claimed: Claimed[]): Promise<void> {
		for (const piece of chunksOf(claimed, usersPerScript)) {
			const userIds = piece.map(({ userId }) => userId);
			await releaseScript.run(this.#redis, [Date.now(), graceMs, ...userIds]);
		}
	}

	/** The presence of these users as others see it. */
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
