import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { launch } from "./children.ts";
import type { Person } from "./orders.ts";
import { findPostgres, makeFolder, type Postgres, removeFolder } from "./scratch.ts";

const READY_MS = 60_000;

/** A server under test, with an empty database of its own. */
export interface Server extends Postgres {
	/** Its gateways. */
	readonly urls: readonly string[];
	/** All that it consists of but PostgreSQL. */
	readonly pids: readonly number[];
	/** Rejects when part of it ends. */
	failure(): Promise<never>;
	/** Messages that have gone over the bus between its processes, if it has one. */
	busMessages?(): Promise<number>;
	/** Makes people who talk in pairs; `people` is even. */
	introduce(people: number): Promise<Person[]>;
	stop(): Promise<void>;
}

export interface Start {
	readonly name: string;
	/** Node's arguments. */
	args(port: number, folder: string): readonly string[];
	env(port: number, folder: string): Promise<NodeJS.ProcessEnv>;
	introduce(url: string, people: number): Promise<Person[]>;
}

/** Resolves when `/health/ready` answers 200. `nodeArgs` come first on its command line. */
export async function startServer(start: Start, nodeArgs: readonly string[]): Promise<Server> {
	const folder = await makeFolder();
	const port = await freePort();
	const url = `http://127.0.0.1:${port}`;
	const args = [...nodeArgs, ...start.args(port, folder)];
	const child = launch(start.name, args, { env: await start.env(port, folder) });
	await Promise.race([ready(url), child.failure()]).catch((cause) => {
		throw new Error(`${start.name} did not start: ${cause.message}\n${child.tail}`, { cause });
	});
	return {
		...(await findPostgres(folder)),
		urls: [url],
		pids: [child.pid],
		failure: () => child.failure(),
		introduce: (people) => start.introduce(url, people),
		stop: async () => {
			await child.stop();
			await removeFolder(folder);
		},
	};
}

/** Free now: the server that takes it starts at once. */
export async function freePort(): Promise<number> {
	const probe = createServer().listen(0, "127.0.0.1");
	await once(probe, "listening");
	const address = probe.address();
	probe.close();
	await once(probe, "close");
	if (address === null || typeof address === "string") throw new Error("no free port");
	return address.port;
}

async function ready(url: string): Promise<void> {
	for (const endMs = performance.now() + READY_MS; performance.now() < endMs; await sleep(100)) {
		const answer = await fetch(`${url}/health/ready`).catch(() => undefined);
		if (answer?.ok) return;
	}
	throw new Error(`not ready within ${READY_MS / 1000} s`);
}
