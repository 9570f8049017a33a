import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { setPriority } from "node:os";

/** 0 is normal, 19 the lowest priority. */
const niceness = 10;

const checkMs = 1_000;

/** A process is starved if it waits for a core this many times as long as it runs, and longer than `starvedMs` of a check. */
const starvedRatio = 10;
const starvedMs = 500;

/** After this many checks without starvation a process gets the idle policy again. */
const checksUntilIdle = 30;

/**
 * Lets a child process run only when no other process wants the core. For work that must not delay messages. On Linux a niceness is
 * not enough for that: a running process keeps its core for up to 4 ms whatever its niceness, unless its scheduling policy is
 * SCHED_IDLE (sched(7)), which chrt sets. On cores that are busy all the time, a process with that policy would never run. There the
 * process gets the normal policy with the niceness, as it does on systems without chrt.
 */
export function runWhenIdle(child: ChildProcess): void {
	const { pid } = child;
	if (pid === undefined) return;
	setPriority(pid, niceness);
	if (process.platform !== "linux") return;
	setPolicy(pid, "idle");
	let isIdle = true;
	let checksWithoutStarvation = 0;
	let last = timesOf(pid);
	const check = setInterval(() => {
		const now = timesOf(pid);
		const [ran, waited] = [now.ranMs - last.ranMs, now.waitedMs - last.waitedMs];
		last = now;
		const isStarved = waited > starvedMs && waited > ran * starvedRatio;
		checksWithoutStarvation = isStarved ? 0 : checksWithoutStarvation + 1;
		const shouldBeIdle = isIdle ? !isStarved : checksWithoutStarvation >= checksUntilIdle;
		if (shouldBeIdle === isIdle) return;
		isIdle = shouldBeIdle;
		setPolicy(pid, isIdle ? "idle" : "other");
	}, checkMs).unref();
	child.once("exit", () => clearInterval(check));
}

function setPolicy(pid: number, policy: "idle" | "other"): void {
	const chrt = spawn("chrt", [`--${policy}`, "--all-tasks", "--pid", "0", String(pid)], { stdio: "ignore" });
	chrt.on("error", () => {});
	chrt.unref();
}

/** How long the threads of a process have run, and how long they have waited for a core (/proc/<pid>/task/<tid>/schedstat). */
function timesOf(pid: number): { ranMs: number; waitedMs: number } {
	const total = { ranMs: 0, waitedMs: 0 };
	try {
		for (const tid of readdirSync(`/proc/${pid}/task`)) {
			const [ran, waited] = readFileSync(`/proc/${pid}/task/${tid}/schedstat`, "utf8").split(" ").map(Number);
			total.ranMs += (ran ?? 0) / 1e6;
			total.waitedMs += (waited ?? 0) / 1e6;
		}
	} catch {
		// The process has just ended, or the kernel keeps no such statistics. Then the process does not count as starved.
	}
	return total;
}
