import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { setPriority } from "node:os";

/** 0 is normal, 19 the least important. */
const niceness = 10;

const checkMs = 1_000;

/** Who waits for a core this many times as long as it runs, and most of the time, hardly gets to run. */
const starvedRatio = 10;
const starvedMs = 500;

/** Checks in a row without want, after which a process gives way again. */
const calmChecks = 30;

/**
 * Lets a child process run only when no other wants the core, for work that must not hold up messages. On Linux niceness does
 * not do that: whoever runs keeps the core for up to 4 ms, however nice, unless its policy is SCHED_IDLE (sched(7)), which chrt
 * sets. On cores that are busy all the time an idle process would not run at all: there niceness has to do, as it has to
 * everywhere without chrt.
 */
export function giveWay(child: ChildProcess): void {
	const { pid } = child;
	if (pid === undefined) return;
	setPriority(pid, niceness);
	if (process.platform !== "linux") return;
	setPolicy(pid, "idle");
	let idle = true;
	let calm = 0;
	let last = timesOf(pid);
	const check = setInterval(() => {
		const now = timesOf(pid);
		const [ran, waited] = [now.ranMs - last.ranMs, now.waitedMs - last.waitedMs];
		last = now;
		calm = waited > starvedMs && waited > ran * starvedRatio ? 0 : calm + 1;
		const wanted = idle ? calm > 0 : calm >= calmChecks;
		if (wanted === idle) return;
		idle = wanted;
		setPolicy(pid, idle ? "idle" : "other");
	}, checkMs).unref();
	child.once("exit", () => clearInterval(check));
}

function setPolicy(pid: number, policy: "idle" | "other"): void {
	const chrt = spawn("chrt", [`--${policy}`, "--all-tasks", "--pid", "0", String(pid)], { stdio: "ignore" });
	chrt.on("error", () => {});
	chrt.unref();
}

/** How long the threads of a process have run, and been ready to run without running, by /proc/<pid>/task/<tid>/schedstat. */
function timesOf(pid: number): { ranMs: number; waitedMs: number } {
	const total = { ranMs: 0, waitedMs: 0 };
	try {
		for (const tid of readdirSync(`/proc/${pid}/task`)) {
			const [ran, waited] = readFileSync(`/proc/${pid}/task/${tid}/schedstat`, "utf8").split(" ").map(Number);
			total.ranMs += (ran ?? 0) / 1e6;
			total.waitedMs += (waited ?? 0) / 1e6;
		}
	} catch {
		// It has just ended, or the kernel keeps no such statistics: then it counts as content.
	}
	return total;
}
