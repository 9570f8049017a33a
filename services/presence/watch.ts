import type { Redis } from "ioredis";
import type { Presence, Status } from "./presence.contract.ts";
import { type Registry, run } from "./registry.ts";

/** How long somebody whose last socket has gone counts as there: a phone that changes networks must not flicker. */
export const graceMs = 10_000;

/**
 * Decides what is said about users. In Redis:
 *
 * - `announced:<userId>`: the status that others were last told. It is set and read in one step, so that of two nodes that see
 *   the same change one tells of it.
 * - `seen:<userId>`: when they were last seen, as ISO time.
 * - `leaving`: a sorted set of users without a socket, by when that will be told.
 *
 * A status gets better at once and ends after the grace time.
 */
export class Watch {
	readonly #redis: Redis;
	readonly #registry: Registry;

	constructor(redis: Redis, registry: Registry) {
		this.#redis = redis;
		this.#registry = registry;
	}

	/** To be called when the registry has changed for these users; who is to be told of, now. */
	async changed(userIds: string[]): Promise<Presence[]> {
		const statuses = await this.#registry.statuses(userIds);
		const now = Date.now();
		const lastSeenAt = new Date(now).toISOString();
		const pipeline = this.#redis.pipeline();
		userIds.forEach((userId, i) => {
			pipeline.set(seenOf(userId), lastSeenAt);
			if (statuses[i] === "offline") pipeline.zadd("leaving", now + graceMs, userId);
			else pipeline.zrem("leaving", userId);
		});
		await run(pipeline);
		const here = userIds.map((userId, i) => ({ userId, status: statuses[i] as Status, lastSeenAt }));
		return this.#new(here.filter(({ status }) => status !== "offline"));
	}

	/** Whose grace time is over and who did not come back. */
	async left(): Promise<Presence[]> {
		const due = await this.#redis.zrangebyscore("leaving", "-inf", Date.now(), "LIMIT", 0, 1_000);
		if (due.length === 0) return [];
		const pipeline = this.#redis.pipeline();
		for (const userId of due) pipeline.zrem("leaving", userId);
		const removed = await run<number>(pipeline);
		const mine = due.filter((_, i) => removed[i] === 1);
		const statuses = await this.#registry.statuses(mine);
		const gone = mine.filter((_, i) => statuses[i] === "offline");
		return this.#new(await this.#presences(gone, () => "offline"));
	}

	/** What others see. */
	async lookup(userIds: string[]): Promise<Presence[]> {
		const pipeline = this.#redis.pipeline();
		for (const userId of userIds) pipeline.get(announcedOf(userId));
		const announced = await run<Status | null>(pipeline);
		return this.#presences(userIds, (i) => announced[i] ?? "offline");
	}

	async #presences(userIds: string[], statusOf: (i: number) => Status): Promise<Presence[]> {
		const pipeline = this.#redis.pipeline();
		for (const userId of userIds) pipeline.get(seenOf(userId));
		const seen = await run<string | null>(pipeline);
		const now = new Date().toISOString();
		return userIds.map((userId, i) => {
			const status = statusOf(i);
			return { userId, status, lastSeenAt: status === "offline" ? (seen[i] ?? null) : now };
		});
	}

	/** Those that others were not told yet. */
	async #new(presences: Presence[]): Promise<Presence[]> {
		const pipeline = this.#redis.pipeline();
		for (const { userId, status } of presences) pipeline.getset(announcedOf(userId), status);
		const told = await run<Status | null>(pipeline);
		return presences.filter(({ status }, i) => status !== (told[i] ?? "offline"));
	}
}

const announcedOf = (userId: string) => `announced:${userId}`;
const seenOf = (userId: string) => `seen:${userId}`;
