import type { Redis } from "ioredis";
import { chunksOf } from "../../lib/chunks.ts";
import { digestOf } from "../presence-digest.ts";
import type { Change, Digest, Status } from "./presence.contract.ts";
import { usersPerScript } from "./script.ts";
import { removeGatewayScript, removeScript, renewScript, reportScript, shortenLeaseScript } from "./scripts.ts";

/** How long a gateway's reports are valid without a renewal. */
export const leaseMs = 30_000;

/** How long a user whose last socket has disconnected keeps the status: a phone that changes networks must not seem offline. */
export const graceMs = 10_000;

/** Users in one pipeline to Redis. */
const chunkSize = 1_000;

/** The lock of a node that removes a gateway. The node renews it with each chunk; if it expires, another node continues. */
const removalLockMs = 5_000;

/**
 * Which users have sockets on which gateways. In Redis:
 *
 * - `leases`: a sorted set of all gateways that have any data here, by the end of their leases. When a lease has ended, the gateway's
 *   data are ignored and removed. The entry in this set is removed last, so that another node can continue an interrupted removal.
 * - `gateways`: a sorted set of the gateways that have reported all their users, by the same time. A gateway that is not in it (it is
 *   new, or Redis was emptied) may have sockets of any user.
 * - `gateway:<nodeId>`: a hash: `number` of the gateway's newest report, `digest` over its users (see services/presence-digest.ts).
 * - `users:<nodeId>`: a hash, user → the number of the last report with this user, and their part in the digest.
 * - `sockets:<userId>`: a hash, node id → the user's status on that node.
 */
export class Registry {
	readonly #redis: Redis;

	constructor(redis: Redis) {
		this.#redis = redis;
	}

	/** Stores a gateway's report about some users. A report that is older than the newest one is ignored. */
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

	/** The gateway's reports since that number contain all its users. Removes those who are only in older reports. */
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

	/** The gateways on which each user has sockets. Users without sockets are left out. */
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

	/** The statuses of each user, on gateways with a valid lease. */
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

	/** Ends the gateway's lease after that time, unless the gateway renews it. */
	async shortenLease(nodeId: string, ms: number): Promise<void> {
		await shortenLeaseScript.run(this.#redis, [nodeId, Date.now() + ms]);
	}

	/** Gateways whose lease has ended. */
	async expired(): Promise<string[]> {
		return this.#redis.zrangebyscore("leases", "-inf", Date.now());
	}

	/**
	 * Removes the data of a gateway whose lease has ended, unless another node is doing it. Stops when the gateway has a lease again,
	 * or when `mayContinue` returns false.
	 */
	async remove(nodeId: string, mayContinue: () => boolean): Promise<void> {
		const lock = `removing:${nodeId}`;
		if ((await this.#redis.set(lock, "", "PX", removalLockMs, "NX")) === null) return;
		await this.#eachUser(nodeId, async (entries) => {
			await this.#redis.pexpire(lock, removalLockMs);
			const userIds = entries.map(([userId]) => userId);
			return mayContinue() && (await this.#remove(nodeId, "", userIds));
		});
		if (mayContinue()) await removeGatewayScript.run(this.#redis, [nodeId, Date.now()]);
		await this.#redis.del(lock);
	}

	/** Returns false when the gateway has a lease again. */
	async #remove(nodeId: string, since: string, userIds: string[]): Promise<boolean> {
		for (const piece of chunksOf(userIds, usersPerScript)) {
			const removed = await removeScript.run(this.#redis, [nodeId, since, Date.now(), graceMs, seenNow(), ...piece]);
			if (removed !== 1) return false;
		}
		return true;
	}

	/** Visits the users of a gateway in chunks, as long as `visit` returns true. A user added or removed meanwhile may be left out. */
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

/** Sends a pipeline. Returns its answers, or throws the first error. */
export async function run<Answer = unknown>(pipeline: ReturnType<Redis["pipeline"]>): Promise<Answer[]> {
	if (pipeline.length === 0) return [];
	const answers = (await pipeline.exec()) ?? [];
	return answers.map(([error, answer]) => {
		if (error) throw error;
		return answer as Answer;
	});
}
