import { parseArgs } from "node:util";
import { type ServerName, type Workload, type WorkloadName, workloads } from "./workloads.ts";

/** The workloads of the command line, with its options. Throws an error of one line that names what is wrong. */
export function readOptions(args: readonly string[]): Workload[] {
	const { values, positionals } = parseArgs({
		args: [...args],
		allowPositionals: true,
		options: {
			seconds: { type: "string" },
			warmup: { type: "string" },
			sockets: { type: "string" },
			runs: { type: "string" },
			seed: { type: "string" },
			servers: { type: "string" },
		},
	});
	const names = positionals.length > 0 ? positionals : ["peak", "steady"];
	return names.map((name) => {
		const workload = workloads[workloadName(name)];
		const sockets = integer("--sockets", values.sockets, 2) ?? workload.sockets;
		if (sockets % 2 === 1) throw new Error("--sockets must be even: each conversation has two people");
		return {
			...workload,
			sockets,
			seconds: integer("--seconds", values.seconds, 1) ?? workload.seconds,
			warmupSeconds: integer("--warmup", values.warmup, 0) ?? workload.warmupSeconds,
			runs: integer("--runs", values.runs, 1) ?? workload.runs,
			seed: integer("--seed", values.seed, 0) ?? workload.seed,
			servers: values.servers?.split(",").map(serverName) ?? workload.servers,
		};
	});
}

function workloadName(name: string): WorkloadName {
	if (name === "peak" || name === "steady" || name === "idle" || name === "cluster") return name;
	throw new Error(`no workload ${name}; the workloads are ${Object.keys(workloads).join(", ")}`);
}

function serverName(name: string): ServerName {
	if (name === "floor" || name === "parley" || name === "cluster") return name;
	throw new Error(`--servers: no server ${name}; the servers are floor, parley, cluster`);
}

function integer(option: string, text: string | undefined, least: number): number | undefined {
	if (text === undefined) return undefined;
	const value = Number(text);
	if (!Number.isInteger(value) || value < least) throw new Error(`${option}: ${text} is not a whole number of at least ${least}`);
	return value;
}
