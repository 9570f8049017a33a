import type { Redis } from "ioredis";
import { run } from "./registry.ts";

/** How long a report of typing is valid. */
export const typingMs = 3_000;

export interface Typist {
	conversationId: string;
	userId: string;
}

/**
 * Who types in which conversation. In Redis: a sorted set `typing` by the end of validity. The node that removes an entry announces
 * it, so the end is announced once.
 */
export class Typing {
	readonly #redis: Redis;

	constructor(redis: Redis) {
		this.#redis = redis;
	}

	/** Starts or renews. Returns true if the user was not typing before. */
	async start(typist: Typist): Promise<boolean> {
		return (await this.#redis.zadd("typing", Date.now() + typingMs, memberOf(typist))) === 1;
	}

	/** Returns those who were typing. */
	async stop(typists: Typist[]): Promise<Typist[]> {
		// This runs after every commit, and most of the time nobody is typing.
		if (typists.length === 0 || (await this.#redis.zcard("typing")) === 0) return [];
		const pipeline = this.#redis.pipeline();
		for (const typist of typists) pipeline.zrem("typing", memberOf(typist));
		const removed = await run<number>(pipeline);
		return typists.filter((_, i) => removed[i] === 1);
	}

	/** Those of the users who are typing in the conversation now. */
	async among(conversationId: string, userIds: string[]): Promise<string[]> {
		if (userIds.length === 0) return [];
		const ends = await this.#redis.zmscore("typing", ...userIds.map((userId) => memberOf({ conversationId, userId })));
		const now = Date.now();
		return userIds.filter((_, i) => Number(ends[i] ?? 0) > now);
	}

	/** Removes and returns those whose time has ended without a renewal. */
	async takeExpired(): Promise<Typist[]> {
		const members = await this.#redis.zrangebyscore("typing", "-inf", Date.now(), "LIMIT", 0, 1_000);
		return this.stop(members.map(typistOf));
	}
}

/** A conversation's id contains no space. */
const memberOf = ({ conversationId, userId }: Typist) => `${conversationId} ${userId}`;

function typistOf(member: string): Typist {
	const space = member.indexOf(" ");
	return { conversationId: member.slice(0, space), userId: member.slice(space + 1) };
}
