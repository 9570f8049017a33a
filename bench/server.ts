import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../embedded/free-port.ts";
import { launch } from "./children.ts";
import type { Person } from "./load-plan.ts";
import { findPostgres, makeFolder, type Postgres, removeFolder } from "./scratch.ts";

const readyTimeoutMs = 60_000;

/** A server under test, with an empty database of its own. */
export interface Server extends Postgres {
	/** The URLs of its gateways. */
	readonly urls: readonly string[];
	/** Its processes without PostgreSQL. */
	readonly pids: readonly number[];
	/** Whether it has a full-text index of its messages, which follows the load. */
	readonly hasIndex: boolean;
	/** Rejects when one of its processes ends. */
	failure(): Promise<never>;
	/** How many messages went over the bus between its processes, if it has a bus. */
	busMessages?(): Promise<number>;
	/** Creates people who talk in pairs; `people` is even. */
	createPeople(people: number): Promise<Person[]>;
	stop(): Promise<void>;
}

export interface Start {
	readonly name: string;
	readonly hasIndex: boolean;
	/** Node's arguments. */
	args(port: number, folder: string): readonly string[];
	env(port: number, folder: string): Promise<NodeJS.ProcessEnv>;
	createPeople(url: string, people: number): Promise<Person[]>;
}

/** Starts a server; resolves when `/health/ready` answers 200. `nodeArgs` come first on its command line. */
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
		hasIndex: start.hasIndex,
		failure: () => child.failure(),
		createPeople: (people) => start.createPeople(url, people),
		stop: async () => {
			await child.stop();
			await removeFolder(folder);
		},
	};
}

async function ready(url: string): Promise<void> {
	for (const endMs = performance.now() + readyTimeoutMs; performance.now() < endMs; await sleep(100)) {
		const answer = await fetch(`${url}/health/ready`).catch(() => undefined);
		if (answer?.ok) return;
	}
	throw new Error(`not ready within ${readyTimeoutMs / 1000} s`);
}
