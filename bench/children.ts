import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { once } from "node:events";

const stopMs = 10_000;
const tailCharacters = 4000;
const running = new Set<Child>();
const otherEnds = new Set<() => Promise<void>>();
let ending = false;

/** A process that the bench started. It keeps the end of the process's output, to explain a failure. */
export class Child {
	readonly name: string;
	readonly process: ChildProcess;
	readonly pid: number;
	readonly exited: Promise<unknown>;
	tail = "";

	constructor(name: string, process: ChildProcess, pid: number) {
		this.name = name;
		this.process = process;
		this.pid = pid;
		this.exited = once(process, "exit").then(() => running.delete(this));
		for (const output of [process.stdout, process.stderr]) {
			output?.setEncoding("utf8").on("data", (text: string) => {
				this.tail = (this.tail + text).slice(-tailCharacters);
			});
		}
		running.add(this);
	}

	/** Rejects when the process ends. Callers race it against the work that needs the process. */
	async failure(): Promise<never> {
		await this.exited;
		throw new Error(`${this.name} ended (${this.process.exitCode ?? this.process.signalCode})\n${this.tail}`);
	}

	async stop(): Promise<void> {
		if (!running.has(this)) return;
		this.process.kill("SIGTERM");
		const kill = setTimeout(() => this.process.kill("SIGKILL"), stopMs);
		await this.exited;
		clearTimeout(kill);
	}
}

/** Starts this Node with `args`. It is detached, so that Ctrl-C reaches only the bench, which then ends its children in order. */
export function launch(name: string, args: readonly string[], { env = process.env, channel = false } = {}): Child {
	if (ending) throw new Error("the bench is ending");
	const stdio: StdioOptions = channel ? ["ignore", "pipe", "pipe", "ipc"] : ["ignore", "pipe", "pipe"];
	const child = spawn(process.execPath, args, { env, detached: true, stdio });
	if (child.pid === undefined) throw new Error(`${name} could not be started`);
	return new Child(name, child, child.pid);
}

/** Calls `end` together with the end of the children. It may be called although it has ended before. */
export function endWithChildren(end: () => Promise<void>): void {
	otherEnds.add(end);
}

/** Ends all children; after that no new one can be started. */
export async function endChildren(): Promise<void> {
	ending = true;
	await Promise.all([...[...running].map((child) => child.stop()), ...[...otherEnds].map((end) => end())]);
}
