import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";

/** What makes a process believe that it is alone, as containers do: it sees no process outside, and shares no memory with any. */
const unshare = ["unshare", "--pid", "--ipc", "--mount-proc", "--fork", "--kill-child"];

/** A container is one; not every machine lets a test make one. */
export const mayMakeNamespaces = spawnSync("unshare", [...unshare.slice(1), "true"]).status === 0;

/** A program in namespaces of its own. */
export interface Contained {
	process: ChildProcess;
	/** What it has written so far, errors included. */
	output(): string;
	/** With its exit code, when everything in its namespaces has ended. */
	ended: Promise<number | null>;
}

/** `--kill-child` ends all of it when the outermost process is killed. */
export function contained(file: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Contained {
	const [program = "", ...options] = unshare;
	const child = spawn(program, [...options, file, ...args], { stdio: ["ignore", "pipe", "pipe"], env });
	const chunks: string[] = [];
	for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => chunks.push(String(chunk)));
	return { process: child, output: () => chunks.join(""), ended: once(child, "close").then(([code]) => code) };
}
