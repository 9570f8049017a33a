import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Cluster, startCluster } from "../../../testing/cluster.ts";
import { type PostgresServer, startPostgresServer } from "../../../testing/postgres-server.ts";
import { eventually } from "../../../testing/until.ts";
import { joinCluster, type TestNode } from "../../support/broker.ts";
import { query } from "../../support/database.ts";
import { Load, type Recipient } from "./load.ts";
import { keyOf, Notifiers } from "./notifiers.ts";

/** Between two restarts of a shared server. */
const calmMs = 8_000;

/** Parley in a process for each service, two notifiers that are killed, and people who get messages. */
export class Ground {
	readonly notifiers: Notifiers;
	readonly load: Load;
	readonly restarts = { postgres: 0, nats: 0, redis: 0 };
	readonly #postgres: PostgresServer;
	readonly #cluster: Cluster;
	readonly #stop: () => Promise<void>;

	private constructor(postgres: PostgresServer, cluster: Cluster, notifiers: Notifiers, load: Load, stop: () => Promise<void>) {
		this.#postgres = postgres;
		this.#cluster = cluster;
		this.notifiers = notifiers;
		this.load = load;
		this.#stop = stop;
	}

	static async start(people: number): Promise<Ground> {
		const folder = mkdtempSync(join(tmpdir(), "parley-notifications-"));
		const stops: (() => Promise<unknown>)[] = [async () => rmSync(folder, { recursive: true })];
		const stop = async () => {
			for (const one of stops.splice(0).reverse()) await one();
		};
		try {
			const postgres = await startPostgresServer(folder);
			stops.push(() => postgres.stop());
			const cluster = await startCluster({ databaseUrl: postgres.url, counts: { notifier: 0 } });
			stops.push(() => cluster.stop());
			const env = { NATS_URL: cluster.nats.url, REDIS_URL: cluster.redis.url };
			const node: TestNode = await joinCluster({ databaseUrl: postgres.url, services: [], env });
			stops.push(() => node.stop());
			const notifiers = await Notifiers.start(cluster, postgres.url, folder, 2);
			stops.push(() => notifiers.stop());
			await node.broker.waitForServices(["applications", "conversations", "messages", "notifier", "users"], 10_000);
			return new Ground(postgres, cluster, notifiers, await Load.of(node.calls, people), stop);
		} catch (error) {
			await stop();
			throw error;
		}
	}

	/** Restarts the shared servers in turn until `work` is done. */
	async restarting(work: Promise<void>): Promise<void> {
		let isOver = false;
		const over = work.finally(() => {
			isOver = true;
		});
		const { nats, redis } = this.#cluster;
		const restarts = {
			postgres: () => this.#postgres.restart(),
			nats: () => nats.process.restart(),
			redis: () => redis.process.restart(),
		};
		while (!isOver) {
			for (const name of Object.keys(restarts) as (keyof typeof restarts)[]) {
				await Promise.race([over, delay(calmMs)]);
				if (isOver) break;
				await restarts[name]();
				this.restarts[name]++;
			}
		}
		await over;
	}

	/** What killed processes had claimed is due at once, as it would be a minute later. Only while no notifier runs. */
	async endClaims(): Promise<void> {
		await query(this.#postgres.url, "update notifications set due_at = now() where state = 'WAITING' and due_at > now()");
		await query(this.#postgres.url, "update unnotified set due_at = now() where due_at > now()");
	}

	/** Everybody was told of the newest message that they have not read, by push and by mail. */
	async expectAllTold(withinMs: number): Promise<void> {
		await eventually(
			() => {
				const told = new Set(this.notifiers.accepted.map(keyOf));
				const isTold = ({ token, email, newest: text }: Recipient) =>
					told.has(keyOf({ to: token, text })) && told.has(keyOf({ to: email, text }));
				expect(this.load.recipients.filter((one) => one.isUnread && !isTold(one))).toEqual([]);
			},
			{ timeoutMs: withinMs, intervalMs: 200 },
		);
	}

	/** What came twice was in flight when a process was killed, and devices and mail programs show it once. Returns how many. */
	expectDoublesExplained(): number {
		const first = new Map<string, string>();
		let doubles = 0;
		for (const accepted of this.notifiers.accepted) {
			const key = keyOf(accepted);
			const identity = first.get(key);
			if (identity === undefined) {
				first.set(key, accepted.identity);
				continue;
			}
			doubles++;
			expect({ ...accepted, wasInFlight: this.notifiers.inFlight.has(key) }).toEqual({
				...accepted,
				identity,
				wasInFlight: true,
			});
		}
		return doubles;
	}

	stop(): Promise<void> {
		return this.#stop();
	}
}
