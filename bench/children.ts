import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { once } from "node:events";

const STOP_MS = 10_000;
const TAIL_CHARACTERS = 4000;
const running = new Set<Child>();
const alsoEnding = new Set<() => Promise<void>>();
let ending = false;

/** A process that this bench started: what it wrote last is kept to explain a failure, and it is ended by its own pid. */
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
				this.tail = (this.tail + text).slice(-TAIL_CHARACTERS);
			});
		}
		running.add(this);
	}

	/** Rejects when the process ends: to be raced against what it is needed for. */
	async failure(): Promise<never> {
		await this.exited;
		throw new Error(`${this.name} ended (${this.process.exitCode ?? this.process.signalCode})\n${this.tail}`);
	}

	async stop(): Promise<void> {
		if (!running.has(this)) return;
		this.process.kill("SIGTERM");
		const kill = setTimeout(() => this.process.kill("SIGKILL"), STOP_MS);
		await this.exited;
		clearTimeout(kill);
	}
}

/** Runs this Node with `args`. Detached: Ctrl-C must reach only the bench, which then ends its children in order. */
export function launch(name: string, args: readonly string[], { env = process.env, channel = false } = {}): Child {
	if (ending) throw new Error("the bench is ending");
	const stdio: StdioOptions = channel ? ["ignore", "pipe", "pipe", "ipc"] : ["ignore", "pipe", "pipe"];
	const child = spawn(process.execPath, args, { env, detached: true, stdio });
	if (child.pid === undefined) throw new Error(`${name} could not be started`);
	return new Child(name, child, child.pid);
}

/** Has `end`, which may be called again when all is over, end with the children. */
export function endAlso(end: () => Promise<void>): void {
	alsoEnding.add(end);
}

/** Ends what still runs, and lets nothing start any more. */
export async function endChildren(): Promise<void> {
	ending = true;
	await Promise.all([...[...running].map((child) => child.stop()), ...[...alsoEnding].map((end) => end())]);
}
