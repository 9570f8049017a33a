import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

/** How a program is run. */
export interface Program {
	/** What errors call it. */
	name: string;
	file: string;
	args: readonly string[];
	env?: NodeJS.ProcessEnv;
	/** Gets what it writes; a restart appends. */
	logFile: string;
	/** Asked again and again after a start, until it says true. It may throw meanwhile. */
	isReady(running: OsProcess): Promise<boolean>;
}

const readyMs = 60_000;
const stopMs = 10_000;
const pollMs = 25;
const tailCharacters = 4_000;

/** A program that a test runs, breaks and runs again. It ends with the process that started it, however that ends. */
export class OsProcess {
	readonly name: string;
	/** Of the last run, when that has ended; null when a signal ended it. */
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

	/** Rejects when it ends: to be raced against what it is needed for. */
	async failure(): Promise<never> {
		await this.#running?.exited;
		throw new Error(`${this.name} ended\n${this.tail()}`);
	}

	/** Asks it to end, by SIGTERM, and ends it after 10 s. True when it ended by itself. */
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

	/** Ends it at once: it can neither finish nor say good-bye. */
	kill(): Promise<void> {
		return this.end("SIGKILL");
	}

	/** Ends it by a signal that is sure to do that. */
	async end(signal: NodeJS.Signals): Promise<void> {
		const running = this.#running;
		if (!running) return;
		running.child.kill(signal);
		await running.exited;
	}

	/** Starts it again, on the same ports; stops it first if it runs. */
	async restart(): Promise<void> {
		await this.stop();
		await this.start();
	}

	/** It stands still, with all its connections open, until `thaw`. */
	freeze(): void {
		this.#running?.child.kill("SIGSTOP");
	}

	thaw(): void {
		this.#running?.child.kill("SIGCONT");
	}

	/** All that it wrote. */
	logs(): string {
		return readFileSync(this.#program.logFile, "utf8");
	}

	/** What it wrote last. */
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
		// Detached: a Ctrl-C in the terminal must not end it behind the back of a test that is cleaning up.
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
 * A shell that waits at a pipe from us and ends the process `pid` when the pipe breaks, as it does even if we are killed. The
 * answer sends it away: call it as soon as the process has gone, before its pid can be another's.
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
