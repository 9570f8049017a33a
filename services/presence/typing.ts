import type { Redis } from "ioredis";
import { run } from "./registry.ts";

/** How long somebody types after saying so. */
export const typingMs = 3_000;

export interface Typist {
	conversationId: string;
	userId: string;
}

/** Who types where: in Redis a sorted set `typing` by when it ends. Whoever removes an entry tells of it, so it is told once. */
export class Typing {
	readonly #redis: Redis;

	constructor(redis: Redis) {
		this.#redis = redis;
	}

	/** Also renews; true when it is news. */
	async start(typist: Typist): Promise<boolean> {
		return (await this.#redis.zadd("typing", Date.now() + typingMs, memberOf(typist))) === 1;
	}

	/** Those who typed until now. */
	async stop(typists: Typist[]): Promise<Typist[]> {
		// Hardly anybody types at most moments, and this is asked after every commit.
		if (typists.length === 0 || (await this.#redis.zcard("typing")) === 0) return [];
		const pipeline = this.#redis.pipeline();
		for (const typist of typists) pipeline.zrem("typing", memberOf(typist));
		const removed = await run<number>(pipeline);
		return typists.filter((_, i) => removed[i] === 1);
	}

	/** Those of the users who type in the conversation now. */
	async among(conversationId: string, userIds: string[]): Promise<string[]> {
		if (userIds.length === 0) return [];
		const ends = await this.#redis.zmscore("typing", ...userIds.map((userId) => memberOf({ conversationId, userId })));
		const now = Date.now();
		return userIds.filter((_, i) => Number(ends[i] ?? 0) > now);
	}

	/** Those who neither renewed nor stopped. */
	async lapsed(): Promise<Typist[]> {
		const members = await this.#redis.zrangebyscore("typing", "-inf", Date.now(), "LIMIT", 0, 1_000);
		return this.stop(members.map(typistOf));
	}
}

/** A conversation's id has no space in it. */
const memberOf = ({ conversationId, userId }: Typist) => `${conversationId} ${userId}`;

function typistOf(member: string): Typist {
	const space = member.indexOf(" ");
	return { conversationId: member.slice(0, space), userId: member.slice(space + 1) };
}
