import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

/** How a program is run. */
export interface Program {
	/** Its name in error messages. */
	name: string;
	file: string;
	args: readonly string[];
	env?: NodeJS.ProcessEnv;
	/** The file for its output. A restart appends. */
	logFile: string;
	/** Called repeatedly after a start, until it returns true. Before that it may throw. */
	isReady(running: OsProcess): Promise<boolean>;
}

const readyMs = 60_000;
const stopMs = 10_000;
const pollMs = 25;
const tailCharacters = 4_000;

/** A program that a test can start, kill and restart. It ends when the process that started it ends, even by SIGKILL. */
export class OsProcess {
	readonly name: string;
	/** The exit code of the last run that ended; null when a signal ended it. */
	exitCode: number | null | undefined;
	readonly #program: Program;
	#running: Running | undefined;

	constructor(program: Program) {
		this.name = program.name;
		this.#program = program;
	}

	get pid(): number {
		if (!this.#running) throw new Error(`${this.name} does not run`);
		return this.#running.pid;
	}

	get isRunning(): boolean {
		return this.#running !== undefined;
	}

	/** Resolves when it is ready. */
	async start(): Promise<this> {
		if (this.#running) throw new Error(`${this.name} runs already`);
		this.#running = this.#spawn();
		const { exited } = this.#running;
		const ended = exited.then(() => false);
		for (const endMs = performance.now() + readyMs; performance.now() < endMs; ) {
			if (!this.#running) throw new Error(`${this.name} ended instead of starting\n${this.tail()}`);
			if (await Promise.race([this.#isReady(), ended])) return this;
			await delay(pollMs);
		}
		await this.kill();
		throw new Error(`${this.name} was not ready after ${readyMs / 1000} s\n${this.tail()}`);
	}

	/** Rejects when the program ends. For `Promise.race` with work that needs the program. */
	async failure(): Promise<never> {
		await this.#running?.exited;
		throw new Error(`${this.name} ended\n${this.tail()}`);
	}

	/** Sends SIGTERM, and SIGKILL after 10 s. Resolves with true when SIGTERM was enough. */
	async stop(): Promise<boolean> {
		let inTime = true;
		const timer = setTimeout(() => {
			inTime = false;
			void this.kill();
		}, stopMs);
		this.thaw();
		await this.end("SIGTERM");
		clearTimeout(timer);
		return inTime;
	}

	/** Ends it by SIGKILL: it can neither finish its work nor close its connections. */
	kill(): Promise<void> {
		return this.end("SIGKILL");
	}

	/** Sends a signal that ends the program, and waits for the end. */
	async end(signal: NodeJS.Signals): Promise<void> {
		const running = this.#running;
		if (!running) return;
		running.child.kill(signal);
		await running.exited;
	}

	/** Stops it if it runs, and starts it on the same ports. */
	async restart(): Promise<void> {
		await this.stop();
		await this.start();
	}

	/** Stops its execution until `thaw`. Its connections stay open. */
	freeze(): void {
		this.#running?.child.kill("SIGSTOP");
	}

	thaw(): void {
		this.#running?.child.kill("SIGCONT");
	}

	/** Its whole output. */
	logs(): string {
		return readFileSync(this.#program.logFile, "utf8");
	}

	/** The end of its output. */
	tail(): string {
		return this.logs().slice(-tailCharacters);
	}

	async #isReady(): Promise<boolean> {
		try {
			return await this.#program.isReady(this);
		} catch {
			return false;
		}
	}

	#spawn(): Running {
		const { file, args, env, logFile } = this.#program;
		const output = openSync(logFile, "a");
		// Detached, so that Ctrl-C in the terminal does not reach it: the test stops it while it cleans up.
		const child = spawn(file, args, { stdio: ["ignore", output, output], detached: true, ...(env && { env }) });
		closeSync(output);
		if (child.pid === undefined) throw new Error(`${this.name} could not be started: ${file}`);
		const dismissGuard = guard(child.pid);
		const exited = once(child, "exit").then(async ([code]) => {
			this.exitCode = code;
			this.#running = undefined;
			await dismissGuard();
		});
		return { child, pid: child.pid, exited };
	}
}

interface Running {
	child: ChildProcess;
	pid: number;
	exited: Promise<void>;
}

/**
 * Starts a shell that reads from a pipe of this process, and ends the process `pid` when the pipe is closed. The kernel closes it
 * even if this process is killed. The returned function ends the shell. Call it as soon as the process has ended, before its pid
 * is used again.
 */
function guard(pid: number): () => Promise<void> {
	const script = 'read -r _; kill -CONT "$0"; kill -TERM "$0"; sleep 5; kill -KILL "$0"';
	const shell = spawn("/bin/sh", ["-c", script, String(pid)], { stdio: ["pipe", "ignore", "ignore"], detached: true });
	const exited = once(shell, "exit");
	return async () => {
		shell.kill("SIGKILL");
		await exited;
	};
}
