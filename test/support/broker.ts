import { randomUUID } from "node:crypto";
import { readdirSync } from "node:fs";
import { resolve } from "node:path";
import { format } from "node:util";
import { type BrokerOptions, Loggers, type LogLevels, ServiceBroker, type ServiceSchema } from "moleculer";
import type { Meta } from "../../lib/access.ts";
import { readConfig } from "../../lib/config/config.ts";
import { type ServiceName, serviceNames } from "../../lib/config/service-names.ts";
import { type Role, signToken } from "../../lib/token.ts";
import { brokerOptions } from "../../moleculer.config.ts";
import { type Calls, callsOf } from "../../services/contracts.ts";
import { unlimited } from "../../testing/parley.ts";
import { BoundedBus } from "./bounded-bus.ts";

/** What a node of a test runs. */
export interface NodeOptions {
	databaseUrl: string;
	/** By their folders; default: all but `media`, which needs a storage (`env`). */
	services?: readonly ServiceName[];
	/** Services that only the test has. */
	others?: ServiceSchema[];
	/** Further settings, as the environment says them. */
	env?: Record<string, string>;
	/** How it speaks with the other nodes of this process, if not as `startBrokers` has it. */
	bus?: BoundedBus;
}

/** A broker that runs in this process as `npm start` would run it, on any free port of 127.0.0.1. */
export interface TestNode {
	broker: ServiceBroker;
	databaseUrl: string;
	/** Typed calls, as Parley itself: without a user unless `options` say so. */
	calls: Calls;
	/** All that was logged, of LOG_LEVEL and above. */
	log: string[];
	/** Stops it once, even when it is called several times. */
	stop(): Promise<void>;
}

/** One node for each of the options. */
export type OneEach<Options extends readonly unknown[]> = { -readonly [Index in keyof Options]: TestNode };

export const jwtSecret = "the secret of the tests, which is long enough";

/** One node by itself. */
export async function startBroker(options: NodeOptions): Promise<TestNode> {
	const node = createNode(options, { transporter: null });
	await start([node], [options]);
	return node;
}

/**
 * Several nodes that know each other. What they say to each other becomes JSON on the way, as between processes, and is bounded
 * as on NATS. Nodes with a NATS_URL in their `env` really meet there. Resolves when every node sees every service.
 */
export async function startBrokers<const Options extends readonly NodeOptions[]>(...options: Options): Promise<OneEach<Options>> {
	const namespace = randomUUID();
	const nodes = options.map((node) =>
		createNode(node, { namespace, ...(node.env?.NATS_URL === undefined && { transporter: node.bus ?? new BoundedBus() }) }),
	);
	await start(nodes, options);
	const names = new Set(nodes.flatMap(({ broker }) => broker.services.map(({ name }) => name)));
	names.delete("$node");
	await Promise.all(nodes.map(({ broker }) => broker.waitForServices([...names], 10_000, 5)));
	// The array that `map` returns has no length in its type.
	return nodes as OneEach<Options>;
}

/** One more node of a cluster of processes, in this process. `env` says where its NATS is. */
export async function joinCluster(options: NodeOptions): Promise<TestNode> {
	const node = createNode(options, {});
	await start([node], [options]);
	return node;
}

/** Calling options of somebody with a token. */
export function as(id: string, role: Role = "user"): { meta: Meta } {
	return { meta: { user: { id, role } } };
}

export const asPlatform = as("the platform", "platform");

export const asAdmin = as("an administrator", "admin");

/** A token that the gateways of tests accept, for an hour unless `ttlSeconds` says otherwise. */
export function tokenOf(sub: string, role: Role = "user", ttlSeconds = 3_600): Promise<string> {
	return signToken({ sub, role, ttlSeconds, jwt: { secret: jwtSecret } });
}

const withoutMedia = serviceNames.filter((name) => name !== "media");

/** Those that do not start leave nothing behind. */
async function start(nodes: TestNode[], options: readonly NodeOptions[]): Promise<void> {
	try {
		for (const [i, { broker }] of nodes.entries()) {
			const { services = withoutMedia, others = [] } = options[i] ?? {};
			for (const schema of [...(await schemasOf(services)), ...others]) broker.createService(schema);
		}
		await Promise.all(nodes.map(({ broker }) => broker.start()));
	} catch (error) {
		for (const node of nodes) await node.stop();
		throw error;
	}
}

function createNode({ databaseUrl, env = {} }: NodeOptions, options: BrokerOptions): TestNode {
	const config = readConfig({
		...unlimited,
		HOST: "127.0.0.1",
		PORT: "0",
		DATABASE_URL: databaseUrl,
		JWT_SECRET: jwtSecret,
		...env,
	});
	const log: string[] = [];
	const broker = new ServiceBroker({
		...brokerOptions({ ...config, databaseUrl }),
		nodeID: randomUUID(),
		logger: new Recorder(config.logLevel, log),
		...options,
	});
	let stopped: Promise<void> | undefined;
	const stop = () => (stopped ??= broker.stop());
	return { broker, databaseUrl, calls: callsOf(broker), log, stop };
}

async function schemasOf(services: readonly ServiceName[]): Promise<ServiceSchema[]> {
	const files = services.flatMap((name) => {
		const folder = resolve("services", name);
		return readdirSync(folder)
			.filter((file) => file.endsWith(".service.ts"))
			.map((file) => resolve(folder, file));
	});
	const modules: { default: ServiceSchema }[] = await Promise.all(files.map((file) => import(file)));
	return modules.map((module) => module.default);
}

class Recorder extends Loggers.Base<{ level: LogLevels }> {
	readonly #log: string[];

	constructor(level: LogLevels, log: string[]) {
		super({ level });
		this.#log = log;
	}

	override getLogHandler() {
		const loudest = Loggers.LEVELS.indexOf(this.opts.level);
		return (level: LogLevels, args: unknown[]) => {
			if (Loggers.LEVELS.indexOf(level) <= loudest) this.#log.push(`${level} ${format(...args)}`);
		};
	}
}
