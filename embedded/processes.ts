import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** Whether a process runs. A zombie does not count: in containers without an init, ended processes stay zombies. */
export function isAlive(pid: number): boolean {
	return signal(pid, 0) && stateOf(pid) !== "Z";
}

/** The command line of a process; "" when there is none. */
export function commandLine(pid: number): string {
	try {
		if (process.platform === "linux") return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
		return execFileSync("ps", ["-ww", "-o", "command=", "-p", String(pid)], { encoding: "utf8" });
	} catch {
		return "";
	}
}

/** False when there is no such process. */
export function signal(pid: number, name: NodeJS.Signals | 0): boolean {
	try {
		return process.kill(pid, name);
	} catch (error) {
		return (error as NodeJS.ErrnoException).code !== "ESRCH";
	}
}

/** The third field of proc_pid_stat(5). The second field is in parentheses and may contain anything. */
function stateOf(pid: number): string | undefined {
	try {
		return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ", 1)[0];
	} catch {
		return undefined;
	}
}
