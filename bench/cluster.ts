import { startCluster as startProcesses } from "../testing/cluster.ts";
import { startPostgresServer } from "../testing/postgres-server.ts";
import { endWithChildren } from "./children.ts";
import { createPeople, type Sign } from "./parley.ts";
import { makeFolder, removeFolder } from "./scratch.ts";
import type { Server } from "./server.ts";

const tokenSeconds = 7_200;

/** Parley as operators run it: a process for each service, two for the gateway, over real NATS and Redis. */
export async function startCluster(nodeArgs: readonly string[]): Promise<Server> {
	if (nodeArgs.length > 0)
		throw new Error("the idle workload does not run on the cluster: the memory of a socket is measured in one process");
	const folder = await makeFolder();
	const postgres = await startPostgresServer(folder);
	const cluster = await startProcesses({ databaseUrl: postgres.url, counts: { gateway: 2 } });
	endWithChildren(cluster.stop);
	const processes = [...cluster.nodes.values(), cluster.nats.process, cluster.redis.process];
	const sign: Sign = (subject, role) => (role === "user" ? cluster.userToken(subject, tokenSeconds) : cluster.platformToken());
	return {
		urls: cluster.baseUrls,
		hasIndex: true,
		pids: processes.map(({ pid }) => pid),
		postmasterPid: postgres.pid(),
		databaseUrl: postgres.url,
		failure: () => Promise.race(processes.map((one) => one.failure())),
		busMessages: cluster.nats.messagesIn,
		createPeople: (people) => createPeople(cluster.baseUrls[0], sign, people),
		stop: async () => {
			await cluster.stop();
			await postgres.stop();
			await removeFolder(folder);
		},
	};
}
