import { setTimeout as delay } from "node:timers/promises";
import { type ServiceName, serviceNames } from "../../lib/config/service-names.ts";
import { type Cluster, type SharedServer, sharedServers } from "../../testing/cluster.ts";
import type { PostgresServer } from "../../testing/postgres-server.ts";
import { holding } from "../support/database.ts";
import { anyAnswer, committed, type TcpProxy } from "../support/tcp-proxy.ts";
import type { Crowd } from "./crowd.ts";
import { comeBack } from "./returning.ts";

/** The load, and what it has under it. */
export interface Ground {
	crowd: Crowd;
	cluster: Cluster;
	postgres: PostgresServer;
	/** By which the processes reach the servers. */
	links: Record<SharedServer, TcpProxy>;
}

export interface Fault {
	name: string;
	/** Only in `npm run rehearse:chaos`: another fault finds the same. */
	isRehearsed?: true;
	/** Breaks something, and mends it. */
	strike(ground: Ground): Promise<void>;
	/** The conversation that has to wait, to which no promise about time applies. */
	waiting?(crowd: Crowd): string;
	/** The longest time in which nobody may get an acknowledgement, on a quiet machine: only `npm run rehearse:chaos` asserts it. */
	longestGapMs?: number;
	/** The longest that anybody may wait for an acknowledgement, where there is a promise: as above. */
	slowestAckMs?: number;
}

/** Until somebody, or Kubernetes, starts what was killed. */
const downMs = 1_000;

/** Whose death others hardly notice. */
const aside: ReadonlySet<ServiceName> = new Set(["conversations", "media"]);

const kills: Fault[] = serviceNames.map((service) => ({
	name: `a ${service} process is killed`,
	...(aside.has(service) && { isRehearsed: true }),
	longestGapMs: 2_000,
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

function firstConversation({ people: [first] }: Crowd): string {
	if (!first) throw new Error("there is nobody");
	return first.conversationId;
}

/** How long a link is broken. */
const brokenMs = 2_000;

/** A send that is stored, in the name of its statement. */
const append = "messages.append";

const nameOf: Record<SharedServer, string> = { postgres: "PostgreSQL", nats: "NATS", redis: "Redis" };

const cuts: Fault[] = sharedServers.flatMap((server) => [
	{
		name: `${nameOf[server]} is behind a black hole`,
		longestGapMs: 25_000,
		async strike({ links }) {
			links[server].blackHole({ newToo: true });
			await delay(brokenMs);
			links[server].pass();
		},
	},
	{
		name: `all connections to ${nameOf[server]} are reset`,
		isRehearsed: true,
		longestGapMs: 2_000,
		strike: async ({ links }) => links[server].reset(),
	},
	{
		name: `the link to ${nameOf[server]} is slow`,
		isRehearsed: true,
		longestGapMs: 2_000,
		async strike({ links }) {
			links[server].slow({ latencyMs: 25, bytesPerSecond: 1_000_000 });
			await delay(brokenMs);
			links[server].pass();
		},
	},
	{
		name: `answers of ${nameOf[server]} are lost`,
		longestGapMs: 5_000,
		async strike({ links }) {
			const { swallowed } = links[server];
			links[server].swallow(server === "postgres" ? committed(append) : anyAnswer);
			await delay(brokenMs / 2);
			links[server].pass();
			if (links[server].swallowed === swallowed) throw new Error("no answer was swallowed");
		},
	},
]);

export const faults: Fault[] = [
	{ name: "nothing fails", strike: () => delay(2_000) },
	...drains,
	...kills,
	...cuts,
	{
		name: "a conversation is locked for 5 s",
		slowestAckMs: 4_000,
		waiting: firstConversation,
		async strike({ crowd, postgres }) {
			const lock = "select from conversations where id = $1 for update";
			await holding(postgres.url, lock, [firstConversation(crowd)], () => delay(5_000));
		},
	},
	{
		name: "somebody comes back to 1,000 unread messages",
		longestGapMs: 2_000,
		strike: ({ cluster }) => comeBack(cluster),
	},
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
	{ name: "Redis is emptied", isRehearsed: true, strike: ({ cluster }) => cluster.redis.flush() },
	{ name: "PostgreSQL is restarted", isRehearsed: true, strike: ({ postgres }) => postgres.restart() },
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
