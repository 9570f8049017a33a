import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Cluster, startCluster } from "../../testing/cluster.ts";
import { type PostgresServer, startPostgresServer } from "../../testing/postgres-server.ts";
import { until } from "../../testing/until.ts";
import { Balancer } from "../support/balancer.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { Crowd } from "./crowd.ts";
import type { Fault, Ground } from "./faults.ts";
import { type Outcome, outcomeOf, table } from "./report.ts";
import { verify } from "./verify.ts";

const messagesPerSecond = 200;
const pairs = 20;
/** Load before a fault strikes, and after it is mended. */
const [beforeMs, afterMs] = [1_500, 3_000];
/** Until everything must have come: beyond the server's sweeps and every timeout on the way. */
const quietWithinMs = 30_000;
/** In which nothing may come twice. */
const lingerMs = 500;

/** What everything must stay below on a busy machine, where shorter promises cannot be kept. */
const busyMs = 20_000;

/**
 * A test for each of the faults, all on one cluster; at the end the table of what they did. The times that faults promise hold on
 * a quiet machine; elsewhere only a wide bound does.
 */
export function describeFaults(faults: readonly Fault[], machine: "quiet" | "busy"): void {
	describe("under a steady load over two gateways, nothing acknowledged is lost, doubled or out of order when", () => {
		let folder: string;
		let postgres: PostgresServer;
		let cluster: Cluster;
		let balancer: Balancer;
		const links = {} as Ground["links"];
		const outcomes: Outcome[] = [];

		beforeAll(async () => {
			folder = mkdtempSync(join(tmpdir(), "parley-chaos-"));
			postgres = await startPostgresServer(folder);
			cluster = await startCluster({
				databaseUrl: postgres.url,
				counts: { gateway: 2, messages: 2 },
				async route(server, url) {
					links[server] = await TcpProxy.before(url);
					return links[server].url;
				},
			});
			balancer = await Balancer.before(cluster.baseUrls);
		}, 240_000);

		afterAll(async () => {
			process.stdout.write(`\n${table(outcomes)}\n\n`);
			await balancer?.close();
			await cluster?.stop();
			for (const link of Object.values(links)) await link.close();
			await postgres?.stop();
			rmSync(folder, { recursive: true });
		}, 60_000);

		it.each(faults)(
			"$name",
			async (fault) => {
				const { name, strike, waiting, slowestAckMs = Number.POSITIVE_INFINITY, longestGapMs = slowestAckMs } = fault;
				await until(() => balancer.allReady, { timeoutMs: 20_000 });
				const crowd = await Crowd.gather(cluster, balancer.urls, pairs);
				const logged = new Map([...cluster.nodes.values()].map((node) => [node, node.logs().length]));
				try {
					crowd.startWriting(messagesPerSecond);
					await delay(beforeMs);
					const fromMs = performance.now();
					await strike({ crowd, cluster, postgres, links });
					await delay(afterMs);
					crowd.stopWriting();
					const toMs = performance.now();
					await until(() => crowd.isQuiet, { timeoutMs: quietWithinMs }).catch(() => undefined);
					await delay(lingerMs);
					const outcome = outcomeOf(name, crowd, await verify(postgres.url, crowd), { fromMs, toMs, excused: waiting?.(crowd) });
					outcomes.push(outcome);
					if (outcome.problems.length > 0) throw new Error(`${explain(outcome)}\n\n${newLogs(logged)}`);
					const calmMs = outcomes[0]?.slowestAckMs ?? 0;
					const boundOf = (promisedMs: number) =>
						machine === "quiet" ? Math.max(promisedMs, 2 * calmMs) : Math.max(promisedMs, busyMs);
					expect(outcome.slowestAckMs).toBeLessThanOrEqual(boundOf(slowestAckMs));
					expect(outcome.ackGapMs).toBeLessThanOrEqual(boundOf(longestGapMs));
				} finally {
					crowd.leave();
				}
			},
			180_000,
		);
	});
}

function explain({ lost, duplicated, problems }: Outcome): string {
	const shown = problems.slice(0, 20).join("\n");
	return `${lost} lost, ${duplicated} duplicated, ${problems.length} problems:\n${shown}`;
}

/** What the nodes wrote since `logged`, which explains most. */
function newLogs(logged: ReadonlyMap<{ name: string; logs(): string }, number>): string {
	return [...logged].map(([node, length]) => `${node.name}:\n${node.logs().slice(length).slice(-2_000)}`).join("\n");
}
