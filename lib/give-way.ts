import { spawnSync } from "node:child_process";
import { setPriority } from "node:os";

/** 0 is normal, 19 the least important. */
const niceness = 10;

/**
 * Lets this process run only when no other wants the core, for work that must not hold up messages. On Linux niceness alone does
 * not do it: whoever runs keeps the core for up to 4 ms, however unimportant, unless its policy is SCHED_IDLE (sched(7)), which
 * Node cannot ask for. Where there is no chrt, niceness has to do.
 */
export function giveWay(): void {
	setPriority(niceness);
	if (process.platform !== "linux") return;
	spawnSync("chrt", ["--idle", "--all-tasks", "--pid", "0", String(process.pid)], { stdio: "ignore" });
}
