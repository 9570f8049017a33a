import { spawn } from "node:child_process";
import { closeSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { atExit } from "./at-exit.ts";
import { boundLog, cutLog, openLog } from "./bounded-log.ts";
import { EmbeddedError } from "./error.ts";
import { freePort } from "./free-port.ts";
import { lockData } from "./postgres-lock.ts";
import { commandLine, isAlive, signal } from "./processes.ts";
import type { Wrap } from "./unprivileged.ts";

/** The paths and settings that PostgreSQL is run with. */
export interface PostgresSetup {
	/** The data folder. */
	data: string;
	/** The lock file of the data, see `lockData`. */
	lock: string;
	log: string;
	/** The folder of `initdb` and `postgres`. */
	binaries: string;
	wrap: Wrap;
	/** Server parameters. */
	settings: Record<string, string>;
}

/** The main process of a server. */
export interface Postmaster {
	pid: number;
	signal(name: NodeJS.Signals): void;
	/** Resolves with the reason: `SIGKILL`, `exit code 1`. */
	exited: Promise<string>;
}

const pollMs = 10;
/** After this time a fast shutdown becomes an immediate one. */
const fastShutdownTimeoutMs = 5_000;

/** How long a start that fails for a temporary reason is tried again. */
const retryTimeoutMs = 5_000;

/**
 * Starts the server, on a free port if none is given, and waits until it accepts connections. If `stopping` is aborted before, the
 * server is stopped and this rejects. The server ends with this process.
 * @throws {EmbeddedError} with the error message of PostgreSQL when it does not start
 */
export async function launch(
	setup: PostgresSetup,
	stopping: AbortSignal,
	givenPort?: number,
): Promise<Postmaster & { port: number }> {
	for (const deadline = Date.now() + retryTimeoutMs; ; await delay(pollMs * 10, undefined, { signal: stopping })) {
		stopping.throwIfAborted();
		const port = givenPort ?? (await freePort());
		cutLog(setup.log);
		const logged = statSync(setup.log).size;
		const server = await run(setup, port, stopping);
		const stop = () => void shutDown(server);
		stopping.addEventListener("abort", stop);
		const isReady = await untilReady(setup.data, server);
		stopping.removeEventListener("abort", stop);
		if (isReady) {
			server.exited.then(boundLog(setup.log));
			return { ...server, port };
		}
		stopping.throwIfAborted();
		const lines = readFileSync(setup.log).subarray(logged).toString().trim().split("\n");
		const reason = lines.find((line) => /FATAL|PANIC/.test(line)) ?? lines.at(-1);
		// Another process took the free port, or the kernel still has the shared memory of a killed server.
		const isTemporary = lines.some((line) => /could not bind|still in use/.test(line));
		if (!isTemporary || Date.now() > deadline) throw new EmbeddedError(`PostgreSQL did not start: ${reason} (see ${setup.log})`);
	}
}

/** Begins a fast shutdown. After some seconds it becomes an immediate one, and the next start of the server recovers the data. */
export async function shutDown(server: Postmaster): Promise<void> {
	server.signal("SIGINT");
	const timer = setInterval(() => server.signal("SIGQUIT"), fastShutdownTimeoutMs);
	await server.exited;
	clearInterval(timer);
}

/** Stops a server that a killed Parley left running on `data`, if it is in this container. The data folder must be locked. */
export async function stopLeftover(data: string): Promise<void> {
	const pid = Number(readPidFile(data)[0]);
	if (!(pid > 0) || !commandLine(pid).includes(` ${data} `)) return;
	await shutDown({ pid, signal: (name) => signal(pid, name), exited: untilGone(pid) });
}

async function run(
	{ data, lock, log, binaries, wrap, settings }: PostgresSetup,
	port: number,
	stopping: AbortSignal,
): Promise<Postmaster> {
	const parameters = Object.entries(settings).flatMap(([key, value]) => ["-c", `${key}=${value}`]);
	const locked = await lockData(data, lock, stopping);
	// With the lock, no server uses this data, so the file is stale. PostgreSQL would take any process with that pid for a server.
	rmSync(join(data, "postmaster.pid"), { force: true });
	const output = openLog(log);
	// Detached, so that Ctrl-C in the terminal does not reach the server: we stop it when its clients have ended.
	const child = spawn(...wrap(join(binaries, "postgres"), ["-D", data, "-p", String(port), ...parameters]), {
		stdio: ["ignore", output, output, locked],
		detached: true,
		env: {},
	});
	closeSync(output);
	closeSync(locked);
	child.unref();
	const cancel = atExit(() => child.kill("SIGINT"));
	const exited = new Promise<string>((resolve) => {
		child.once("exit", (code, name) => resolve(name ?? `exit code ${code}`));
		child.once("error", ({ message }) => resolve(message));
	});
	return { pid: child.pid ?? 0, signal: (name) => child.kill(name), exited: exited.finally(cancel) };
}

/** Waits without a limit, since a recovery may take long. False when the server has exited. */
async function untilReady(data: string, { pid, exited }: Postmaster): Promise<boolean> {
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

async function untilGone(pid: number): Promise<string> {
	while (isAlive(pid)) await delay(pollMs);
	return "gone";
}
