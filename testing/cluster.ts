import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../embedded/free-port.ts";
import { type EmbeddedStorage, startStorage } from "../embedded/storage.ts";
import type { Config } from "../lib/config/config.ts";
import { type ServiceName, serviceNames } from "../lib/config/service-names.ts";
import { inParallel } from "./in-parallel.ts";
import { type NatsServer, startNats } from "./nats.ts";
import { isGatewayReady, parleyProcess, targetOf } from "./parley.ts";
import type { OsProcess } from "./processes.ts";
import { type RedisServer, startRedis } from "./redis.ts";
import { storageEnv } from "./storage-env.ts";
import type { Target } from "./target.ts";

export interface ClusterOptions {
	/** The database may be migrated or empty. */
	databaseUrl: string;
	/** How many processes run each service. Default: one. */
	counts?: Partial<Record<ServiceName, number>>;
	/** A storage that is running. Default: the cluster starts its own. */
	s3?: Config["s3"];
	/** Additional settings of every process. */
	env?: Record<string, string>;
	/** Returns the URL by which the processes reach a shared server, for example that of a proxy in front of it. */
	route?: (server: SharedServer, url: string) => Promise<string>;
}

/** The servers that all processes share. */
export const sharedServers = ["postgres", "nats", "redis"] as const;
export type SharedServer = (typeof sharedServers)[number];

/** Parley as operators run it: one or more processes for each service, over NATS, Redis and one S3. */
export interface Cluster extends Target {
	nats: NatsServer;
	redis: RedisServer;
	/** The processes by name: `messages-1`, `messages-2`, `gateway-1` … */
	nodes: ReadonlyMap<string, OsProcess>;
	node(name: string): OsProcess;
	urlOf(gateway: string): string;
	/** Starts more processes of a service, and returns their names. */
	add(service: ServiceName, count: number): Promise<string[]>;
	stop(): Promise<void>;
}

/**
 * How many processes start at a time. Each start takes a second of CPU, and more at a time would exceed timeouts on two cores.
 */
const startingAtOnce = 2;

/** Resolves when every gateway is ready. If one part does not start, the others are stopped. */
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
		// Gateways first: they need the others as long as they answer requests.
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
