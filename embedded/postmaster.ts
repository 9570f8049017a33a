import { spawn } from "node:child_process";
import { closeSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { atExit } from "./at-exit.ts";
import { boundLog, cutLog, openLog } from "./bounded-log.ts";
import { lockData } from "./data-lock.ts";
import { EmbeddedError } from "./error.ts";
import { freePort } from "./free-port.ts";
import { commandLine, isAlive, signal } from "./processes.ts";
import type { Wrap } from "./unprivileged.ts";

/** A data folder and how to run the programs for it. */
export interface Site {
	data: string;
	/** Locked by whoever writes the data: see `lockData`. */
	lock: string;
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
	/** With how it ended. */
	exited: Promise<string>;
}

const pollMs = 10;
const patienceMs = 5_000;

/** How long a start may fail for reasons that pass. */
const passingMs = 5_000;

/**
 * Starts the server, on a free port if none is given, and waits until it accepts connections. When `stopping` is aborted before,
 * the server is stopped and this rejects. The server ends with this process.
 * @throws {EmbeddedError} with what PostgreSQL said when it gave up
 */
export async function launch(site: Site, stopping: AbortSignal, givenPort?: number): Promise<Postmaster & { port: number }> {
	for (const deadline = Date.now() + passingMs; ; await delay(pollMs * 10, undefined, { signal: stopping })) {
		stopping.throwIfAborted();
		const port = givenPort ?? (await freePort());
		cutLog(site.log);
		const logged = statSync(site.log).size;
		const server = await run(site, port, stopping);
		const stop = () => void shutDown(server);
		stopping.addEventListener("abort", stop);
		const ready = await isReady(site.data, server);
		stopping.removeEventListener("abort", stop);
		if (ready) {
			server.exited.then(boundLog(site.log));
			return { ...server, port };
		}
		stopping.throwIfAborted();
		const said = readFileSync(site.log).subarray(logged).toString().trim().split("\n");
		const reason = said.find((line) => /FATAL|PANIC/.test(line)) ?? said.at(-1);
		// Someone else took the free port, or the kernel has not let go of a killed server's memory yet.
		const passing = said.some((line) => /could not bind|still in use/.test(line));
		if (!passing || Date.now() > deadline) throw new EmbeddedError(`PostgreSQL did not start: ${reason} (see ${site.log})`);
	}
}

/** A fast shutdown; after some seconds an immediate one, from which the next start recovers. */
export async function shutDown(server: Postmaster): Promise<void> {
	server.signal("SIGINT");
	const timer = setInterval(() => server.signal("SIGQUIT"), patienceMs);
	await server.exited;
	clearInterval(timer);
}

/** Stops the server that a killed Parley left running in `data`, which must be locked, if it is in this container. */
export async function stopLeftover(data: string): Promise<void> {
	const pid = Number(readPidFile(data)[0]);
	if (!(pid > 0) || !commandLine(pid).includes(` ${data} `)) return;
	await shutDown({ pid, signal: (name) => signal(pid, name), exited: whenGone(pid) });
}

async function run(
	{ data, lock, log, binaries, wrap, settings }: Site,
	port: number,
	stopping: AbortSignal,
): Promise<Postmaster> {
	const parameters = Object.entries(settings).flatMap(([key, value]) => ["-c", `${key}=${value}`]);
	const locked = await lockData(data, lock, stopping);
	// Nobody runs on this data, so whatever process it names is another one: PostgreSQL would take any for its own.
	rmSync(join(data, "postmaster.pid"), { force: true });
	const output = openLog(log);
	// Detached: a Ctrl-C in the terminal is for us, who stop the server when its clients are gone.
	const child = spawn(...wrap(join(binaries, "postgres"), ["-D", data, "-p", String(port), ...parameters]), {
		stdio: ["ignore", output, output, locked],
		detached: true,
		env: {},
	});
	closeSync(output);
	closeSync(locked);
	child.unref();
	const forget = atExit(() => child.kill("SIGINT"));
	const exited = new Promise<string>((resolve) => {
		child.once("exit", (code, name) => resolve(name ?? `exit code ${code}`));
		child.once("error", ({ message }) => resolve(message));
	});
	return { pid: child.pid ?? 0, signal: (name) => child.kill(name), exited: exited.finally(forget) };
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

async function whenGone(pid: number): Promise<string> {
	while (isAlive(pid)) await delay(pollMs);
	return "gone";
}
