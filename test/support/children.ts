import { execFileSync } from "node:child_process";

/** The pid of the one child process of `parentPid` whose command line has `words` in it. */
export function childOf(parentPid: number, words: string): number {
	const lines = execFileSync("ps", ["-A", "-ww", "-o", "pid=,ppid=,command="], { encoding: "utf8" }).split("\n");
	const children = lines.filter((line) => Number(line.trim().split(/\s+/)[1]) === parentPid && line.includes(words));
	const [child] = children;
	if (child === undefined || children.length > 1) throw new Error(`${children.length} processes run ${words}`);
	return Number(child.trim().split(/\s+/)[0]);
}
