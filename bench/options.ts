import { parseArgs } from "node:util";
import { type ServerName, type Workload, type WorkloadName, workloads } from "./workloads.ts";

/** The workloads that the command line asks for, changed as it says. Throws with one line that names what is not understood. */
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
		if (sockets % 2 === 1) throw new Error("--sockets: two people talk in each conversation, so the number must be even");
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
	throw new Error(`no workload ${name}: there are ${Object.keys(workloads).join(", ")}`);
}

function serverName(name: string): ServerName {
	if (name === "floor" || name === "parley" || name === "cluster") return name;
	throw new Error(`--servers: no server ${name}: there are floor, parley, cluster`);
}

function integer(option: string, text: string | undefined, least: number): number | undefined {
	if (text === undefined) return undefined;
	const value = Number(text);
	if (!Number.isInteger(value) || value < least) throw new Error(`${option}: ${text} is not a whole number from ${least}`);
	return value;
}
