import { readFileSync } from "node:fs";

export interface Usage {
	/** Since the process began, of all its threads, without its children. */
	cpuMs: number;
	residentBytes: number;
}

/** The CPU time and memory of a process, from proc(5). Undefined when it has ended, and on systems without /proc. */
export function usageOf(pid: number): Usage | undefined {
	try {
		// The second field is the name in parentheses, which may contain anything. The rest begins with the third field, the state.
		const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
			.replace(/^.*\) /s, "")
			.split(" ");
		const [userTicks, systemTicks] = [Number(fields[11]), Number(fields[12])];
		const [, residentKib] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
		return { cpuMs: (userTicks + systemTicks) * msPerTick, residentBytes: Number(residentKib ?? 0) * 1024 };
	} catch {
		return undefined;
	}
}

/** USER_HZ is 100 on every architecture that Node runs on. */
const msPerTick = 10;
