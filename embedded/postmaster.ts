import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { EmbeddedError } from "./error.ts";
import { commandLine, isAlive, signal } from "./processes.ts";
import type { Wrap } from "./unprivileged.ts";

/** A data folder and how to run the programs for it. */
export interface Site {
	data: string;
	log: string;
	/** The folder of `initdb` and `postgres`. */
	binaries: string;
	wrap: Wrap;
	/** Server parameters. */
	settings: Record<string, string>;
}

/** A server's main process. */
export interface Postmaster {
	pid: number;
	signal(name: NodeJS.Signals): void;
	exited: Promise<void>;
}

const pollMs = 10;
const patienceMs = 5_000;
const logLimitBytes = 10_000_000;

/**
 * Starts the server on a free port and waits until it accepts connections.
 * @throws {EmbeddedError} with what PostgreSQL said when it gave up
 */
export async function launch(site: Site): Promise<Postmaster & { port: number }> {
	if (sizeOf(site.log) > logLimitBytes) rmSync(site.log);
	for (let attempt = 1; ; attempt++) {
		const port = await freePort();
		const logged = sizeOf(site.log);
		const server = run(site, port);
		if (await isReady(site.data, server)) return { ...server, port };
		const said = readFileSync(site.log).subarray(logged).toString().trim().split("\n");
		const reason = said.find((line) => /FATAL|PANIC/.test(line)) ?? said.at(-1);
		// Someone else took the free port, or children of a killed server have not let go of its memory yet.
		const passing = said.some((line) => /could not bind|still in use/.test(line));
		if (!passing || attempt === 5) throw new EmbeddedError(`PostgreSQL did not start: ${reason} (see ${site.log})`);
		await delay(pollMs * 10);
	}
}

/** A fast shutdown; after some seconds an immediate one, from which the next start recovers. */
export async function shutDown(server: Postmaster): Promise<void> {
	server.signal("SIGINT");
	const timer = setInterval(() => server.signal("SIGQUIT"), patienceMs);
	await server.exited;
	clearInterval(timer);
}

/**
 * Stops the server that a killed Parley left running in `data`, which must be locked. A pid file whose pid is not PostgreSQL's
 * any more is removed: the server would believe it, and pids come again soon in a container.
 */
export async function stopLeftover(data: string): Promise<void> {
	const pid = Number(readPidFile(data)[0]);
	if (!(pid > 0)) return;
	const command = commandLine(pid);
	if (command.includes(` ${data} `)) {
		await shutDown({ pid, signal: (name) => signal(pid, name), exited: whenGone(pid) });
	} else if (!command.includes("postgres")) {
		rmSync(join(data, "postmaster.pid"));
	}
}

function run({ data, log, binaries, wrap, settings }: Site, port: number): Postmaster {
	const parameters = Object.entries(settings).flatMap(([key, value]) => ["-c", `${key}=${value}`]);
	const output = openSync(log, "a", 0o600);
	// Detached: a Ctrl-C in the terminal is for us, who stop the server when its clients are gone.
	const child = spawn(...wrap(join(binaries, "postgres"), ["-D", data, "-p", String(port), ...parameters]), {
		stdio: ["ignore", output, output],
		detached: true,
		env: {},
	});
	closeSync(output);
	child.unref();
	return {
		pid: child.pid ?? 0,
		signal: (name) => child.kill(name),
		exited: new Promise((resolve) => {
			child.once("exit", () => resolve()).once("error", () => resolve());
		}),
	};
}

/** False when the server has exited. There is no limit while it lives: a recovery may take its time. */
async function isReady(data: string, { pid, exited }: Postmaster): Promise<boolean> {
	let running = true;
	exited.then(() => {
		running = false;
	});
	while (running) {
		const lines = readPidFile(data);
		if (lines[0] === String(pid) && lines[7]?.startsWith("ready")) return true;
		await delay(pollMs);
	}
	return false;
}

/** Line 1 is the pid, line 8 the state (PostgreSQL's miscadmin.h). */
function readPidFile(data: string): string[] {
	try {
		return readFileSync(join(data, "postmaster.pid"), "utf8").split("\n");
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
		throw error;
	}
}

async function whenGone(pid: number): Promise<void> {
	while (isAlive(pid)) await delay(pollMs);
}

function sizeOf(path: string): number {
	return existsSync(path) ? statSync(path).size : 0;
}

function freePort(): Promise<number> {
	return new Promise((resolve, reject) => {
		const probe = createServer().once("error", reject);
		probe.listen(0, "127.0.0.1", () => {
			const address = probe.address();
			probe.close(() => resolve(typeof address === "object" && address ? address.port : 0));
		});
	});
}
