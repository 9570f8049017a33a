import type { Redis } from "ioredis";
import { mergeStatuses } from "./merge.ts";
import type { Status } from "./presence.contract.ts";

/** How long a gateway's word counts without a renewal. */
export const leaseMs = 30_000;

interface Report {
	userId: string;
	status: Status;
}

/**
 * Who has sockets on which gateway. In Redis:
 *
 * - `gateways`: a sorted set of node ids by when their lease ends. A node that is not in it, or whose lease is over, is not
 *   believed, whatever else is written about it.
 * - `sockets:<userId>`: a hash, node id → the user's status on that node.
 * - `users:<nodeId>`: the set of users in whose hashes the node is, to be cleaned up when it is gone.
 */
export class Registry {
	readonly #redis: Redis;

	constructor(redis: Redis) {
		this.#redis = redis;
	}

	/** Takes down what a gateway says of some users, or, when complete, of all. */
	async report(nodeId: string, reports: Report[], complete: boolean): Promise<void> {
		if (complete) await this.#forgetUsers(nodeId);
		const pipeline = this.#redis.pipeline();
		for (const { userId, status } of reports) {
			if (status === "offline") pipeline.hdel(socketsOf(userId), nodeId).srem(usersOf(nodeId), userId);
			else pipeline.hset(socketsOf(userId), nodeId, status).sadd(usersOf(nodeId), userId);
		}
		// Last: from now on whoever is not in the registry is known not to be on this node.
		if (complete) pipeline.zadd("gateways", Date.now() + leaseMs, nodeId);
		await run(pipeline);
	}

	/** Prolongs a gateway's lease; false when there is none to prolong. */
	async renew(nodeId: string): Promise<boolean> {
		if ((await this.#redis.zscore("gateways", nodeId)) === null) return false;
		await this.#redis.zadd("gateways", Date.now() + leaseMs, nodeId);
		return true;
	}

	/** The gateways that are believed. */
	async reporting(): Promise<string[]> {
		return this.#redis.zrangebyscore("gateways", Date.now(), "+inf");
	}

	/** On which gateways each user has sockets. */
	async locate(userIds: string[]): Promise<{ nodes: Record<string, string[]>; reporting: string[] }> {
		const [reporting, hashes] = await Promise.all([this.reporting(), this.#hashes(userIds)]);
		const nodes = userIds.map((userId, i) => [userId, Object.keys(hashes[i] ?? {}).filter((id) => reporting.includes(id))]);
		return { nodes: Object.fromEntries(nodes), reporting };
	}

	/** What each user is, over all gateways. */
	async statuses(userIds: string[]): Promise<Status[]> {
		const [reporting, hashes] = await Promise.all([this.reporting(), this.#hashes(userIds)]);
		return hashes.map((hash) =>
			mergeStatuses(
				Object.entries(hash)
					.filter(([nodeId]) => reporting.includes(nodeId))
					.map(([, status]) => status as Status),
			),
		);
	}

	/** Takes a gateway off the list; the users whom it had. */
	async forget(nodeId: string): Promise<string[]> {
		await this.#redis.zrem("gateways", nodeId);
		return this.#forgetUsers(nodeId);
	}

	/** Gateways that did not renew. */
	async lapsed(): Promise<string[]> {
		return this.#redis.zrangebyscore("gateways", "-inf", Date.now());
	}

	async #forgetUsers(nodeId: string): Promise<string[]> {
		const userIds = await this.#redis.smembers(usersOf(nodeId));
		const pipeline = this.#redis.pipeline();
		for (const userId of userIds) pipeline.hdel(socketsOf(userId), nodeId);
		pipeline.del(usersOf(nodeId));
		await run(pipeline);
		return userIds;
	}

	async #hashes(userIds: string[]): Promise<Record<string, string>[]> {
		if (userIds.length === 0) return [];
		const pipeline = this.#redis.pipeline();
		for (const userId of userIds) pipeline.hgetall(socketsOf(userId));
		return run<Record<string, string>>(pipeline);
	}
}

const socketsOf = (userId: string) => `sockets:${userId}`;
const usersOf = (nodeId: string) => `users:${nodeId}`;

/** Sends a pipeline; its answers, or the first error. */
export async function run<Answer = unknown>(pipeline: ReturnType<Redis["pipeline"]>): Promise<Answer[]> {
	if (pipeline.length === 0) return [];
	const answers = (await pipeline.exec()) ?? [];
	return answers.map(([error, answer]) => {
		if (error) throw error;
		return answer as Answer;
	});
}
