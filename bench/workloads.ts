/** A load, and how it is run. */
export interface Workload {
	readonly name: WorkloadName;
	readonly sockets: number;
	readonly pressure: Pressure;
	readonly bodyBytes: number;
	readonly warmupSeconds: number;
	readonly seconds: number;
	readonly runs: number;
	/** They take turns in this order, each time with an empty database. */
	readonly servers: readonly ServerName[];
	readonly seed: number;
	/** The requirement on delivery: the p95 of every run of Parley is below it. */
	readonly maxP95Ms?: number;
}

export type WorkloadName = "peak" | "steady" | "idle" | "cluster";
export type ServerName = "floor" | "parley" | "cluster";
/**
 * `closed`: each socket has `outstanding` unanswered sends at any time. `open`: sends do not wait for answers. `none`: sockets only
 * connect.
 */
export type Pressure =
	| { readonly kind: "closed"; readonly outstanding: number }
	| { readonly kind: "open"; readonly messagesPerSecond: number }
	| { readonly kind: "none" };

const common = { bodyBytes: 120, seed: 1 };

const peak: Workload = {
	...common,
	name: "peak",
	sockets: 200,
	pressure: { kind: "closed", outstanding: 4 },
	warmupSeconds: 4,
	seconds: 10,
	runs: 3,
	servers: ["floor", "parley"],
};

export const workloads: Readonly<Record<WorkloadName, Workload>> = {
	peak,
	/** The load of `peak` on many processes instead of one. */
	cluster: { ...peak, name: "cluster", servers: ["cluster"] },
	steady: {
		...common,
		name: "steady",
		sockets: 1000,
		pressure: { kind: "open", messagesPerSecond: 100 },
		maxP95Ms: 2_000,
		warmupSeconds: 4,
		seconds: 15,
		runs: 1,
		servers: ["parley"],
	},
	idle: {
		...common,
		name: "idle",
		sockets: 5000,
		pressure: { kind: "none" },
		warmupSeconds: 0,
		seconds: 0,
		runs: 1,
		servers: ["parley"],
	},
};
