import { readdirSync, readFileSync } from "node:fs";

/** Linux's USER_HZ, the unit of times in /proc: 100 on every architecture on which Node runs. */
const ticksPerSecond = 100;

export interface CpuTimes {
	readonly serverMs: number;
	readonly postgresMs: number;
	/** All processes of the machine, these two included, and the time that a hypervisor gave to other machines (steal). */
	readonly machineMs: number;
}

/** The CPU time so far of the server's processes and their children without PostgreSQL, and of the postmaster and its descendants. */
export function cpuTimes(serverPids: readonly number[], postmasterPid: number): CpuTimes {
	const all = allProcesses();
	const postgres = withDescendants(all, postmasterPid);
	const server = serverPids.flatMap((pid) => withDescendants(all, pid)).filter((one) => !postgres.includes(one));
	// The postmaster's times of reaped children contain the backends that ended. So the sum never falls.
	const reaped = all.get(postmasterPid)?.reapedMs ?? 0;
	return { serverMs: sum(server), postgresMs: sum(postgres) + reaped, machineMs: machineMs() };
}

export function residentBytes(pid: number): number {
	const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
	return Number(kilobytes) * 1024;
}

function machineMs(): number {
	const [user = 0, nice = 0, system = 0, _idle, _waiting, irq = 0, softIrq = 0, steal = 0] = readFileSync("/proc/stat", "utf8")
		.split("\n", 1)
		.flatMap((line) => line.trim().split(/\s+/).slice(1).map(Number));
	return ((user + nice + system + irq + softIrq + steal) / ticksPerSecond) * 1000;
}

interface ProcessTimes {
	readonly pid: number;
	readonly parentPid: number;
	readonly ownMs: number;
	readonly reapedMs: number;
}

function allProcesses(): Map<number, ProcessTimes> {
	const found = new Map<number, ProcessTimes>();
	for (const name of readdirSync("/proc")) {
		const times = /^\d+$/.test(name) && readTimes(Number(name));
		if (times) found.set(times.pid, times);
	}
	return found;
}

function readTimes(pid: number): ProcessTimes | undefined {
	try {
		const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
		// The process's name, in parentheses, may contain spaces. So fields are counted from its end, where field 3 of proc(5) follows.
		const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
		const ms = (...numbers: number[]) =>
			(numbers.reduce((total, field) => total + Number(fields[field - 3]), 0) / ticksPerSecond) * 1000;
		return { pid, parentPid: Number(fields[1]), ownMs: ms(14, 15), reapedMs: ms(16, 17) };
	} catch {
		return undefined; // it ended since the folder was listed
	}
}

function withDescendants(all: ReadonlyMap<number, ProcessTimes>, pid: number): ProcessTimes[] {
	const root = all.get(pid);
	if (!root) return [];
	const children = [...all.values()].filter(({ parentPid }) => parentPid === pid);
	return [root, ...children.flatMap((child) => withDescendants(all, child.pid))];
}

function sum(processes: readonly ProcessTimes[]): number {
	return processes.reduce((total, { ownMs }) => total + ownMs, 0);
}
