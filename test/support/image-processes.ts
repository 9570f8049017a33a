import { spawnSync } from "node:child_process";

/** A process that makes images, and its scheduling class as ps(1) calls it. */
export interface ImageProcess {
	pid: number;
	policy: string | undefined;
}

export function imageProcessesOf(parent: number): ImageProcess[] {
	const { stdout } = spawnSync("ps", ["-o", "pid=,cls=,args=", "--ppid", String(parent)], { encoding: "utf8" });
	return stdout
		.split("\n")
		.filter((line) => line.includes("image-process"))
		.map((line) => line.trim().split(/\s+/))
		.map(([pid, policy]) => ({ pid: Number(pid), policy }));
}
