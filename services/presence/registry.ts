import type { Redis } from "ioredis";
import { chunksOf } from "../../lib/chunks.ts";
import { digestOf } from "../presence-digest.ts";
import type { Change, Digest, Status } from "./presence.contract.ts";
import { usersPerScript } from "./script.ts";
import { removeGatewayScript, removeScript, renewScript, reportScript, shortenLeaseScript } from "./scripts.ts";

/** How long a gateway's word counts without a renewal. */
export const leaseMs = 30_000;

/** How long somebody whose last socket has gone counts as there: a phone that changes networks must not flicker. */
export const graceMs = 10_000;

/** What is asked of Redis at a time. */
const chunkSize = 1_000;

/** A node that removes a gateway says so at least this often; after that another node goes on. */
const removingMs = 5_000;

/**
 * Who has sockets on which gateway. In Redis:
 *
 * - `leases`: a sorted set of every gateway that anything is written about, by when its lease ends. After that it counts for nothing,
 *   and what is written about it is removed, the entry here last: whoever finds it goes on where another node stopped.
 * - `gateways`: a sorted set of those that have reported everybody, by the same time. A gateway that is not in it (new, or Redis was
 *   emptied) may have sockets of anybody.
 * - `gateway:<nodeId>`: a hash: `number` of the gateway's newest report, `digest` over its users (see services/presence-digest.ts).
 * - `users:<nodeId>`: a hash, user → the number of the report that named them last, and their part in the digest.
 * - `sockets:<userId>`: a hash, node id → the user's status on that node.
 */
export class Registry {
	readonly #redis: Redis;

	constructor(redis: Redis) {
		this.#redis = redis;
	}

	/** Takes down what a gateway says of some users. A report that is older than one that was here is ignored. */
	async report(nodeId: string, number: number, changes: Change[]): Promise<void> {
		const head = [nodeId, number, Date.now(), leaseMs, graceMs, seenNow()];
		const pieces = changes.length === 0 ? [[]] : chunksOf(changes, usersPerScript);
		await Promise.all(
			pieces.map((piece) => {
				const users = piece.map(({ userId, status, chosen }) => [
					userId,
					status,
					digestOf(userId, status),
					chosen ? "chosen" : "gone",
				]);
				return reportScript.run(this.#redis, [...head, ...users.flat()]);
			}),
		);
	}

	/** The gateway has named everybody in its reports since that number: whom it named before and not since has gone. */
	async complete(nodeId: string, since: number): Promise<void> {
		await this.#eachUser(nodeId, async (entries) => {
			const old = entries.filter(([, entry]) => Number.parseInt(entry, 10) < since).map(([userId]) => userId);
			await this.#remove(nodeId, String(since), old);
			return true;
		});
		const until = Date.now() + leaseMs;
		await run(this.#redis.multi().zadd("leases", until, nodeId).zadd("gateways", until, nodeId));
	}

	/** Prolongs a gateway's lease; false when the registry does not have what the gateway has reported. */
	async renew(nodeId: string, digest: Digest | undefined): Promise<boolean> {
		const compared = digest ? [digest.users, digest.sum] : ["", ""];
		return (await renewScript.run(this.#redis, [nodeId, Date.now(), leaseMs, ...compared])) === 1;
	}

	/** On which gateways the users have sockets; who has none is not named. */
	async locate(userIds: string[]): Promise<{ nodes: Record<string, string[]>; reporting: string[] }> {
		const reporting = await this.#redis.zrangebyscore("gateways", Date.now(), "+inf");
		const isReporting = new Set(reporting);
		const nodes: [string, string[]][] = [];
		for (const chunk of chunksOf(userIds, chunkSize)) {
			const hashes = await this.#sockets(chunk);
			chunk.forEach((userId, i) => {
				const nodeIds = Object.keys(hashes[i] ?? {}).filter((id) => isReporting.has(id));
				if (nodeIds.length > 0) nodes.push([userId, nodeIds]);
			});
		}
		return { nodes: Object.fromEntries(nodes), reporting };
	}

	/** The statuses of each user on gateways that count. */
	async statuses(userIds: string[]): Promise<Status[][]> {
		const [present, hashes] = await Promise.all([
			this.#redis.zrangebyscore("leases", Date.now(), "+inf"),
			this.#sockets(userIds),
		]);
		const isPresent = new Set(present);
		return hashes.map((hash) =>
			Object.entries(hash)
				.filter(([nodeId]) => isPresent.has(nodeId))
				.map(([, status]) => status as Status),
		);
	}

	/** The gateway's lease ends within that time: it has to show that it is there. */
	async shortenLease(nodeId: string, ms: number): Promise<void> {
		await shortenLeaseScript.run(this.#redis, [nodeId, Date.now() + ms]);
	}

	/** Gateways that did not renew. */
	async lapsed(): Promise<string[]> {
		return this.#redis.zrangebyscore("leases", "-inf", Date.now());
	}

	/** Removes a gateway that did not renew, unless another node does. Stops when it has a lease again, or when `goesOn` says no. */
	async remove(nodeId: string, goesOn: () => boolean): Promise<void> {
		const lock = `removing:${nodeId}`;
		if ((await this.#redis.set(lock, "", "PX", removingMs, "NX")) === null) return;
		await this.#eachUser(nodeId, async (entries) => {
			await this.#redis.pexpire(lock, removingMs);
			const userIds = entries.map(([userId]) => userId);
			return goesOn() && (await this.#remove(nodeId, "", userIds));
		});
		if (goesOn()) await removeGatewayScript.run(this.#redis, [nodeId, Date.now()]);
		await this.#redis.del(lock);
	}

	/** False when the gateway has a lease again. */
	async #remove(nodeId: string, since: string, userIds: string[]): Promise<boolean> {
		for (const piece of chunksOf(userIds, usersPerScript)) {
			const removed = await removeScript.run(this.#redis, [nodeId, since, Date.now(), graceMs, seenNow(), ...piece]);
			if (removed !== 1) return false;
		}
		return true;
	}

	/** Visits the users of a gateway in chunks, as long as `visit` says true. One that changes meanwhile may be visited or not. */
	async #eachUser(nodeId: string, visit: (entries: [string, string][]) => Promise<boolean>): Promise<void> {
		let cursor = "0";
		do {
			const [next, flat] = await this.#redis.hscan(`users:${nodeId}`, cursor, "COUNT", chunkSize);
			cursor = next;
			const entries = chunksOf(flat, 2) as [string, string][];
			if (!(await visit(entries))) return;
		} while (cursor !== "0");
	}

	async #sockets(userIds: string[]): Promise<Record<string, string>[]> {
		const pipeline = this.#redis.pipeline();
		for (const userId of userIds) pipeline.hgetall(`sockets:${userId}`);
		return run<Record<string, string>>(pipeline);
	}
}

const seenNow = () => new Date().toISOString();

/** Sends a pipeline; its answers, or the first error. */
export async function run<Answer = unknown>(pipeline: ReturnType<Redis["pipeline"]>): Promise<Answer[]> {
	if (pipeline.length === 0) return [];
	const answers = (await pipeline.exec()) ?? [];
	return answers.map(([error, answer]) => {
		if (error) throw error;
		return answer as Answer;
	});
}
