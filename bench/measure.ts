import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { startCluster } from "./cluster.ts";
import { startFloor } from "./floor.ts";
import { Generator } from "./generator.ts";
import { type IndexLag, measureIndexLag } from "./index-lag.ts";
import type { LoadReport } from "./load-plan.ts";
import { startParley } from "./parley.ts";
import { cpuTimes, residentBytes } from "./proc.ts";
import type { Server } from "./server.ts";
import type { ServerName, Workload } from "./workloads.ts";

export interface TrafficResult extends LoadReport {
	readonly kind: "traffic";
	readonly serverCpuMs: number;
	readonly postgresCpuMs: number;
	/** Share of the machine's cores that other processes used: neither server nor PostgreSQL nor generator. */
	readonly othersShare: number;
	/** Messages over the bus within the window, if the server has a bus. */
	readonly busMessages?: number;
	/** Undefined for a server without a full-text index. */
	readonly indexLag: IndexLag | undefined;
}

export interface IdleResult {
	readonly kind: "idle";
	readonly sockets: number;
	readonly connectMs: number;
	readonly bytesBefore: number;
	readonly bytesAfter: number;
}

export type Result = TrafficResult | IdleResult;

const starts = { floor: startFloor, parley: startParley, cluster: startCluster };
const collector = fileURLToPath(new URL("collect-garbage.ts", import.meta.url));

/** One run: starts a server, creates its people, generates load, and ends everything. */
export async function measure(workload: Workload, name: ServerName): Promise<Result> {
	const idle = workload.pressure.kind === "none";
	const server = await starts[name](idle ? ["--expose-gc", "--import", collector] : []);
	try {
		const people = await server.createPeople(workload.sockets);
		const bytesBefore = idle ? await settledBytes(server) : 0;
		const generator = new Generator({ workload, urls: server.urls, databaseUrl: server.databaseUrl, people });
		const measured = idle ? measureIdle(server, generator, bytesBefore, people.length) : measureTraffic(server, generator);
		return await Promise.race([measured, server.failure()]).finally(() => generator.child.stop());
	} finally {
		await server.stop();
	}
}

async function measureTraffic(server: Server, generator: Generator): Promise<TrafficResult> {
	const { pids, postmasterPid } = server;
	await generator.waitFor("measuring");
	const before = cpuTimes(pids, postmasterPid);
	const busBefore = await server.busMessages?.();
	await generator.waitFor("measured");
	const after = cpuTimes(pids, postmasterPid);
	const busAfter = await server.busMessages?.();
	const [{ report }, indexLag] = await Promise.all([
		generator.waitFor("report"),
		server.hasIndex ? measureIndexLag(server.databaseUrl) : undefined,
	]);
	const serverCpuMs = after.serverMs - before.serverMs;
	const postgresCpuMs = after.postgresMs - before.postgresMs;
	const othersMs = after.machineMs - before.machineMs - serverCpuMs - postgresCpuMs - report.generatorCpuMs;
	const othersShare = Math.max(0, othersMs / (report.windowSeconds * 1000 * availableParallelism()));
	const bus = busBefore !== undefined && busAfter !== undefined && { busMessages: busAfter - busBefore };
	return { ...report, kind: "traffic", serverCpuMs, postgresCpuMs, othersShare, indexLag, ...bus };
}

async function measureIdle(server: Server, generator: Generator, bytesBefore: number, sockets: number): Promise<IdleResult> {
	const { connectMs } = await generator.waitFor("connected");
	return { kind: "idle", sockets, connectMs, bytesBefore, bytesAfter: await settledBytes(server) };
}

/** Resident memory when collecting garbage does not change it any more: three readings within 1 %, or the last of 20. */
async function settledBytes({ pids }: Server): Promise<number> {
	const readings: number[] = [];
	while (readings.length < 20) {
		for (const pid of pids) process.kill(pid, "SIGUSR2");
		await sleep(500);
		readings.push(pids.reduce((total, pid) => total + residentBytes(pid), 0));
		const last = readings.slice(-3);
		if (last.length === 3 && Math.max(...last) < Math.min(...last) * 1.01) break;
	}
	return readings.at(-1) ?? Number.NaN;
}
