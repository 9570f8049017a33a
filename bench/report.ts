import type { IdleResult, Result, TrafficResult } from "./measure.ts";
import { median } from "./percentiles.ts";
import type { ServerName, Workload, WorkloadName } from "./workloads.ts";

export interface Run {
	readonly workload: WorkloadName;
	readonly server: ServerName;
	readonly result: Result;
}

type Column<R> = readonly [title: string, cell: (result: R) => string];

const fixed = (digits: number) => (value: number) =>
	value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const [whole, tenths, hundredths, thousandths] = [fixed(0), fixed(1), fixed(2), fixed(3)];

const trafficColumns: readonly Column<TrafficResult>[] = [
	["sent", (r) => whole(r.sent)],
	["acked", (r) => whole(r.acknowledged)],
	["delivered/s", (r) => whole(rate(r))],
	["p50 ms", (r) => tenths(r.delivery.p50)],
	["p95", (r) => tenths(r.delivery.p95)],
	["p99", (r) => tenths(r.delivery.p99)],
	["ack p50", (r) => tenths(r.ack.p50)],
	["ack p95", (r) => tenths(r.ack.p95)],
	["ack p99", (r) => tenths(r.ack.p99)],
	["lost", (r) => whole(lost(r))],
	["doubled", (r) => whole(doubled(r))],
	["batch", (r) => tenths(r.batchSize)],
	["bus/msg", (r) => (r.busMessages === undefined ? "" : hundredths(r.busMessages / r.delivered))],
	["CPU ms/msg: server", (r) => thousandths(r.serverCpuMs / r.delivered)],
	["PostgreSQL", (r) => thousandths(r.postgresCpuMs / r.delivered)],
	["generator", (r) => thousandths(r.generatorCpuMs / r.delivered)],
	["others", (r) => `${whole(r.othersShare * 100)} %`],
];

const idleColumns: readonly Column<IdleResult>[] = [
	["sockets", (r) => whole(r.sockets)],
	["connected in s", (r) => tenths(r.connectMs / 1000)],
	["RSS before MB", (r) => tenths(r.bytesBefore / 2 ** 20)],
	["after MB", (r) => tenths(r.bytesAfter / 2 ** 20)],
	["KB/socket", (r) => tenths((r.bytesAfter - r.bytesBefore) / r.sockets / 2 ** 10)],
];

/** One table for the workloads that send, one for idle. */
export function tables(runs: readonly Run[]): string {
	const traffic = runs.flatMap(({ result, ...run }) => (result.kind === "traffic" ? [{ ...run, result }] : []));
	const idle = runs.flatMap(({ result, ...run }) => (result.kind === "idle" ? [{ ...run, result }] : []));
	return [table(trafficColumns, traffic), table(idleColumns, idle)].filter((text) => text !== "").join("\n\n");
}

/** How far the full-text index of a run was behind, if its server has one. */
export function indexLags({ workload, server, result }: Run): string[] {
	if (result.kind === "idle" || !result.indexLag) return [];
	const { rows, seconds, waitedMs, left } = result.indexLag;
	const end =
		left === 0
			? `it caught up in ${tenths(waitedMs / 1000)} s`
			: `it did not catch up in ${whole(waitedMs / 1000)} s: ${whole(left)} messages were left`;
	return [`${workload} ${server}: the full-text index was ${whole(rows)} messages (${tenths(seconds)} s) behind; ${end}`];
}

/** How floor and Parley compare in the workloads that both ran, by medians of the runs. */
export function ratios(runs: readonly Run[]): string[] {
	return [...new Set(runs.map(({ workload }) => workload))].flatMap((workload) => {
		const [floor, parley] = [medians(runs, workload, "floor"), medians(runs, workload, "parley")];
		if (Number.isNaN(floor.rate / parley.rate)) return [];
		return [
			`${workload}: parley ${whole(parley.rate)}/s, floor ${whole(floor.rate)}/s: ratio ${hundredths(parley.rate / floor.rate)}`,
			`${workload}: CPU of server and PostgreSQL: parley ${thousandths(parley.cpuMs)}, floor ${thousandths(floor.cpuMs)} ms/message`,
		];
	});
}

/** The faults of a run, each as a line; a correct run has none. */
export function faults({ workload, server, result }: Run): string[] {
	if (result.kind === "idle") return [];
	const counts: Record<string, number> = {
		"acknowledged but never received": result.neverReceived,
		"acknowledged or received but not in the table": result.neverStored,
		"received twice": result.receivedTwice,
		"stored twice": result.storedTwice,
		"conversations whose seqs are not 1 … n": result.brokenConversations,
		"with another seq than the stored one": result.wrongSeq,
		"received out of order": result.outOfOrder,
		"sends without an answer": result.unanswered,
		"sockets disconnected": result.disconnected,
		...Object.fromEntries(Object.entries(result.refused).map(([code, count]) => [`sends refused with ${code}`, count])),
	};
	return Object.entries(counts).flatMap(([what, count]) => (count > 0 ? [`${workload} ${server}: ${count} ${what}`] : []));
}

export interface Verdict {
	readonly passed: boolean;
	readonly line: string;
}

/** Whether each server met the workload's requirement in every run, without a fault. The floor has no requirement. */
export function verdicts(workload: Workload, runs: readonly Run[]): Verdict[] {
	const { name, sockets, pressure, maxP95Ms, servers } = workload;
	if (maxP95Ms === undefined) return [];
	return [...new Set(servers)].flatMap((server) => {
		if (server === "floor") return [];
		const own = runs.filter((run) => run.workload === name && run.server === server);
		// NaN where nothing was delivered, which is not below the limit.
		const p95 = Math.max(...own.map(({ result }) => (result.kind === "traffic" ? result.delivery.p95 : Number.NaN)));
		const passed = p95 < maxP95Ms && own.every((run) => faults(run).length === 0);
		const rate = pressure.kind === "open" ? `, ${whole(pressure.messagesPerSecond)} messages/s` : "";
		const load = `${server}, ${whole(sockets)} sockets${rate}`;
		return [
			{ passed, line: `${name}: p95 ${tenths(p95)} ms of ${whole(maxP95Ms)} allowed (${load}): ${passed ? "passed" : "failed"}` },
		];
	});
}

function medians(runs: readonly Run[], workload: WorkloadName, server: ServerName): { rate: number; cpuMs: number } {
	const results = runs
		.filter((run) => run.workload === workload && run.server === server)
		.flatMap(({ result }) => (result.kind === "traffic" ? [result] : []));
	return {
		rate: median(results.map(rate)),
		cpuMs: median(results.map(({ serverCpuMs, postgresCpuMs, delivered }) => (serverCpuMs + postgresCpuMs) / delivered)),
	};
}

function rate({ delivered, windowSeconds }: TrafficResult): number {
	return delivered / windowSeconds;
}

function lost({ neverReceived, neverStored }: TrafficResult): number {
	return neverReceived + neverStored;
}

function doubled({ receivedTwice, storedTwice }: TrafficResult): number {
	return receivedTwice + storedTwice;
}

function table<R extends Result>(columns: readonly Column<R>[], runs: readonly (Run & { result: R })[]): string {
	if (runs.length === 0) return "";
	const lines = [
		["workload", "server", ...columns.map(([title]) => title)],
		...runs.map(({ workload, server, result }) => [workload, server, ...columns.map(([, cell]) => cell(result))]),
	];
	const widths = columns.map((_, index) => Math.max(...lines.map((line) => line[index + 2]?.length ?? 0)));
	const align = ([workload = "", server = "", ...cells]: string[]) =>
		[workload.padEnd(8), server.padEnd(7), ...cells.map((cell, index) => cell.padStart(widths[index] ?? 0))].join("  ");
	return lines.map(align).join("\n");
}
