import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../embedded/free-port.ts";
import { type EmbeddedStorage, startStorage } from "../embedded/storage.ts";
import { type Config, type ServiceName, serviceNames } from "../lib/config.ts";
import { inParallel } from "./in-parallel.ts";
import { type NatsServer, startNats } from "./nats.ts";
import { isGatewayReady, parleyProcess, targetOf } from "./parley.ts";
import type { OsProcess } from "./processes.ts";
import { type RedisServer, startRedis } from "./redis.ts";
import { storageEnv } from "./storage-env.ts";
import type { Target } from "./target.ts";

export interface ClusterOptions {
	/** Migrated, or not yet. */
	databaseUrl: string;
	/** How many processes run a service; those not named: one. */
	counts?: Partial<Record<ServiceName, number>>;
	/** A storage that is prepared; one of its own if not given. */
	s3?: Config["s3"];
	/** Further settings of every process. */
	env?: Record<string, string>;
	/** Puts something between the processes and a server that they share: gives the URL by which they reach it. */
	route?: (server: SharedServer, url: string) => Promise<string>;
}

/** What all processes reach over the network. */
export const sharedServers = ["postgres", "nats", "redis"] as const;
export type SharedServer = (typeof sharedServers)[number];

/** Parley as operators run it: each service a process of its own, or several, over NATS, Redis and one S3. */
export interface Cluster extends Target {
	nats: NatsServer;
	redis: RedisServer;
	/** The processes by name: `messages-1`, `messages-2`, `gateway-1` … */
	nodes: ReadonlyMap<string, OsProcess>;
	node(name: string): OsProcess;
	urlOf(gateway: string): string;
	/** Starts more processes of a service, and gives their names. */
	add(service: ServiceName, count: number): Promise<string[]>;
	stop(): Promise<void>;
}

/** Starting costs a second of CPU each: so many at once do not make each other time out on two cores. */
const startingAtOnce = 2;

/** Resolves when every gateway is ready. What was started is ended if something does not start. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
	const { databaseUrl, counts = {}, s3, env = {}, route = async (_server, url) => url } = options;
	const folder = mkdtempSync(join(tmpdir(), "parley-cluster-"));
	const nodes = new Map<string, OsProcess>();
	const urls = new Map<string, string>();
	const servers: OsProcess[] = [];
	let storage: EmbeddedStorage | undefined;
	const secret = randomBytes(32).toString("hex");

	let stopping = false;
	const stop = async () => {
		stopping = true;
		const all = [...nodes.values()];
		// Gateways first: as long as they answer, they need the others.
		await stopAll(all.filter(({ name }) => urls.has(name)));
		await stopAll(all.filter(({ name }) => !urls.has(name)));
		await stopAll(servers);
		await storage?.stop();
		rmSync(folder, { recursive: true, force: true });
	};

	try {
		const nats = await startNats(folder);
		servers.push(nats.process);
		const redis = await startRedis(folder);
		servers.push(redis.process);
		if (!s3) storage = await startStorage({ dataDir: folder });
		const shared = {
			NATS_URL: await route("nats", nats.url),
			REDIS_URL: await route("redis", redis.url),
			DATABASE_URL: await route("postgres", databaseUrl),
			JWT_SECRET: secret,
			...storageEnv(s3 ?? (storage as EmbeddedStorage).s3),
			...env,
		};

		const startOne = async (service: ServiceName, name: string) => {
			const [port, metricsPort] = [String(await freePort()), String(await freePort())];
			const url = `http://127.0.0.1:${port}`;
			const own = { SERVICES: service, PORT: port, METRICS_PORT: metricsPort };
			const isConnected = async ({ pid }: OsProcess) => (await nats.subjectsOf(pid)).length > 0;
			const isReady = service === "gateway" ? () => isGatewayReady(url) : isConnected;
			if (stopping) throw new Error(`the cluster is stopping, and ${name} is not started any more`);
			const node = parleyProcess({ name, folder, env: { ...shared, ...own }, isReady });
			nodes.set(name, node);
			if (service === "gateway") urls.set(name, url);
			await node.start();
			return name;
		};
		const add = (service: ServiceName, count: number) => {
			const present = [...nodes.keys()].filter((name) => name.startsWith(`${service}-`)).length;
			const names = Array.from({ length: count }, (_, index) => `${service}-${present + 1 + index}`);
			return inParallel(startingAtOnce, names, (name) => startOne(service, name));
		};

		const behind = serviceNames.filter((name) => name !== "gateway");
		const instances = behind.flatMap((name) => Array.from({ length: counts[name] ?? 1 }, (_, index) => ({ name, index })));
		await inParallel(startingAtOnce, instances, ({ name, index }) => startOne(name, `${name}-${index + 1}`));
		const [first = "", ...others] = await add("gateway", counts.gateway ?? 1);

		const urlOf = (gateway: string) => found(urls, gateway);
		return {
			...targetOf([urlOf(first), ...others.map(urlOf)], secret),
			nats,
			redis,
			nodes,
			node: (name) => found(nodes, name),
			urlOf,
			add,
			stop,
		};
	} catch (error) {
		await stop();
		throw error;
	}
}

async function stopAll(processes: OsProcess[]): Promise<void> {
	await Promise.all(processes.map((one) => one.stop()));
}

function found<Value>(map: ReadonlyMap<string, Value>, name: string): Value {
	const value = map.get(name);
	if (value === undefined) throw new Error(`there is no ${name}, only ${[...map.keys()].join(", ")}`);
	return value;
}
