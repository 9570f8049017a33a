import { mkdtemp, readFile, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { commandLine, isAlive } from "../embedded/processes.ts";

const tmpfsMagic = 0x01021994;
const folders = new Set<string>();

/** The embedded PostgreSQL in the data folder of a server under test. */
export interface Postgres {
	readonly postmasterPid: number;
	readonly databaseUrl: string;
}

export async function makeFolder(): Promise<string> {
	const folder = await mkdtemp(join(tmpdir(), "parley-bench-"));
	folders.add(folder);
	return folder;
}

/** Removes a folder. If the server has ended and left its PostgreSQL behind, that is shut down first. */
export async function removeFolder(folder: string): Promise<void> {
	const pid = await postmaster(folder).then(
		([line]) => Number(line),
		() => undefined,
	);
	if (pid !== undefined && commandLine(pid).includes(folder)) {
		process.kill(pid, "SIGINT"); // PostgreSQL's fast shutdown
		for (const endMs = performance.now() + 10_000; isAlive(pid) && performance.now() < endMs; ) await sleep(50);
	}
	await rm(folder, { recursive: true, force: true, maxRetries: 5 });
	folders.delete(folder);
}

export async function removeFolders(): Promise<void> {
	await Promise.all([...folders].map(removeFolder));
}

export async function findPostgres(folder: string): Promise<Postgres> {
	const [pid, , , port] = await postmaster(folder);
	const password = (await readFile(join(folder, "postgres.password"), "utf8")).trim();
	const databaseUrl = `postgres://parley:${encodeURIComponent(password)}@127.0.0.1:${port}/parley`;
	return { postmasterPid: Number(pid), databaseUrl };
}

/** Whether temporary folders are in memory. There an fsync costs nothing, so the figures are not realistic. */
export async function isInMemory(): Promise<boolean> {
	return (await statfs(tmpdir())).type === tmpfsMagic;
}

async function postmaster(folder: string): Promise<string[]> {
	return (await readFile(join(folder, "postgres", "postmaster.pid"), "utf8")).split("\n");
}
