import type { Percentiles } from "./percentiles.ts";
import type { Workload } from "./workloads.ts";

/** What the load generator gets from the bench, over the channel between the processes. */
export interface LoadPlan {
	readonly workload: Workload;
	/** The gateways. The sockets use them in turn, so with two gateways the people of a conversation are on different ones. */
	readonly urls: readonly string[];
	readonly databaseUrl: string;
	readonly people: readonly Person[];
}

/** One socket. */
export interface Person {
	/** `auth` of the socket's handshake. */
	readonly auth: Readonly<Record<string, string>>;
	readonly conversationId: string;
}

/** People 0 and 1, 2 and 3, … share a conversation. */
export function partnerOf(person: number): number {
	return person ^ 1;
}

/** What the generator reports to the bench, in this order. In the `idle` workload it reports only the first and stays connected. */
export type LoadEvent =
	| { readonly kind: "connected"; readonly connectMs: number }
	| { readonly kind: "measuring" }
	| { readonly kind: "measured" }
	| { readonly kind: "report"; readonly report: LoadReport };

/** Counts are those of the whole run with its warm-up; rates, latencies and CPU those of the measured window. */
export interface LoadReport extends Deliveries, StoredCheck {
	readonly generatorCpuMs: number;
	readonly disconnected: number;
}

export interface Deliveries {
	readonly sent: number;
	readonly acknowledged: number;
	/** Error code → how often a send was answered with it. */
	readonly refused: Readonly<Record<string, number>>;
	readonly unanswered: number;
	/** Messages whose recipient's socket got them within the window. */
	readonly delivered: number;
	readonly windowSeconds: number;
	readonly delivery: Percentiles;
	readonly ack: Percentiles;
	readonly neverReceived: number;
	readonly receivedTwice: number;
	/** Received after a message of the same conversation with a higher seq. */
	readonly outOfOrder: number;
}

export interface StoredCheck {
	readonly stored: number;
	readonly neverStored: number;
	readonly storedTwice: number;
	/** Conversations whose seqs are not 1 … n. */
	readonly brokenConversations: number;
	/** Messages that were acknowledged or received with another seq than the stored one. */
	readonly wrongSeq: number;
	/** Messages per transaction. */
	readonly batchSize: number;
	readonly postgresVersion: string;
}
