import { setTimeout as delay } from "node:timers/promises";
import { serviceNames } from "../../lib/config.ts";
import type { Cluster } from "../support/cluster.ts";
import type { PostgresServer } from "../support/postgres-server.ts";

/** What the load has under it. */
export interface Ground {
	cluster: Cluster;
	postgres: PostgresServer;
}

export interface Fault {
	name: string;
	/** Breaks something, and mends it. */
	strike(ground: Ground): Promise<void>;
	/**
	 * The longest that anybody may wait for an acknowledgement, where there is a promise; on a machine that is so busy that
	 * somebody waits as long when nothing fails, twice that.
	 */
	slowestAckMs?: number;
}

/** Until somebody, or Kubernetes, starts what was killed. */
const downMs = 1_000;

const kills: Fault[] = serviceNames.map((service) => ({
	name: `a ${service} process is killed`,
	async strike({ cluster }) {
		const node = cluster.node(`${service}-1`);
		await node.kill();
		await delay(downMs);
		await node.start();
	},
}));

const drains: Fault[] = (["gateway", "messages"] as const).map((service) => ({
	name: `a ${service} process is told to end`,
	slowestAckMs: 2_000,
	async strike({ cluster }) {
		const node = cluster.node(`${service}-1`);
		if (!(await node.stop())) throw new Error(`${node.name} did not end by itself\n${node.tail()}`);
		await delay(downMs);
		await node.start();
	},
}));

export const faults: Fault[] = [
	{ name: "nothing fails", strike: () => delay(2_000) },
	...drains,
	...kills,
	{
		name: "nats-server is away for 5 s",
		async strike({ cluster }) {
			await cluster.nats.process.stop();
			await delay(5_000);
			await cluster.nats.process.start();
		},
	},
	{
		name: "redis-server is killed and comes back empty",
		async strike({ cluster }) {
			await cluster.redis.process.kill();
			await delay(downMs);
			await cluster.redis.process.start();
		},
	},
	{ name: "Redis is emptied", strike: ({ cluster }) => cluster.redis.flush() },
	{ name: "PostgreSQL is restarted", strike: ({ postgres }) => postgres.restart() },
	{ name: "PostgreSQL crashes", strike: ({ postgres }) => postgres.restart({ crash: true }) },
	{
		name: "a gateway stands still for 10 s",
		async strike({ cluster }) {
			const gateway = cluster.node("gateway-1");
			gateway.freeze();
			try {
				await delay(10_000);
			} finally {
				gateway.thaw();
			}
		},
	},
];
