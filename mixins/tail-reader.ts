import { setTimeout as delay } from "node:timers/promises";
import type { Logger, MetricRegistry } from "moleculer";
import { every, type Repeated } from "../lib/every.ts";
import type { Database } from "./database.ts";
import { type Lag, lagOf } from "./tail/lag.ts";
import { setLagGauges } from "./tail/lag-gauges.ts";
import { ReadAhead } from "./tail/read-ahead.ts";
import type { SourceName } from "./tail/sources.ts";
import { Summarizer } from "./tail/summarize.ts";
import { type Batches, workBatch } from "./tail/work-batch.ts";

export type { Transaction } from "./database.ts";
export type { Lag } from "./tail/lag.ts";
export type { NewMessage, NewReceipt } from "./tail/sources.ts";
export type { Work } from "./tail/work-batch.ts";

export interface TailOptions<Name extends SourceName>
	extends Pick<Batches<Name>, "name" | "source" | "work">,
		Partial<Pick<Batches<Name>, "from" | "maxRows" | "maxBytes">> {
	/** How often it looks without being told. Another node takes over after this time. Default 1,000. */
	intervalMs?: number;
	/**
	 * The share of time in which it may work, above 0 and at most 1 (the default): after a batch it waits accordingly. A consumer that is
	 * behind then leaves the rest of the time to the message path.
	 */
	maxShare?: number;
	/** A lag of more seconds than this is logged as a warning. Default 60. */
	maxLagSeconds?: number;
	/** The broker's: gets the lag as gauges. */
	metrics?: MetricRegistry;
}

const defaults = {
	from: "beginning",
	maxRows: 500,
	maxBytes: 1024 * 1024,
	intervalMs: 1_000,
	maxShare: 1,
	maxLagSeconds: 60,
} as const;

/** How long it waits after `lookNow`, so that many calls in a row cause one look. */
const lookDelayMs = 100;

/** How often the lag is measured and the index is summarized. */
const keepIntervalMs = 5_000;

/** How often a lag is logged at most. */
const lagLogIntervalMs = 30_000;

/**
 * Gives every stored row of a table to a consumer, once in effect, whichever nodes fail (docs/adr/0026-tail-reader.md). The message
 * path does nothing for it. A consumer has a name and a durable position. Every node with the service runs a reader, and one node at
 * a time works a batch.
 *
 * A batch that fails is tried again at the next interval. The rows behind it wait until it succeeds.
 */
export class TailReader<Name extends SourceName> {
	readonly #db: Database;
	readonly #logger: Pick<Logger, "warn">;
	readonly #options: Required<Omit<TailOptions<Name>, "metrics">>;
	readonly #metrics: MetricRegistry | undefined;
	readonly #ahead: ReadAhead<Name>;
	readonly #summarizer: Summarizer;
	#looking: Repeated | undefined;
	#keeping: Repeated | undefined;
	#isAsked = false;
	#lagLoggedMs = Number.NEGATIVE_INFINITY;
	#hasFailed = false;

	constructor(db: Database, logger: Pick<Logger, "warn">, { metrics, ...options }: TailOptions<Name>) {
		this.#db = db;
		this.#logger = logger;
		this.#metrics = metrics;
		this.#options = { ...defaults, ...options };
		this.#ahead = new ReadAhead(options.source);
		this.#summarizer = new Summarizer(options.source);
	}

	/** Begins to look, for the first time at once. */
	start(): void {
		const { name, intervalMs } = this.#options;
		this.#looking = every(
			intervalMs,
			(signal) => this.#look(signal),
			(error) => {
				this.#hasFailed = true;
				this.#logger.warn(`The consumer ${name} failed at a batch, and will try it again:`, error);
			},
		);
		this.#keeping = every(
			keepIntervalMs,
			async () => {
				await this.#summarizer.summarize(this.#db);
				await this.#checkLag();
			},
			(error) =>
				this.#logger.warn(`The lag of the consumer ${name} could not be measured, or its index not be summarized:`, error),
		);
		this.#looking.now();
	}

	/** There may be new rows. After a failure it does nothing, so that a failing batch is tried once an interval. */
	lookNow(): void {
		if (this.#isAsked || this.#hasFailed || !this.#looking) return;
		this.#isAsked = true;
		void delay(lookDelayMs, undefined, { ref: false }).then(() => {
			this.#isAsked = false;
			this.#looking?.now();
		});
	}

	/** How far the consumer is behind. It is the same on every node. */
	async lag(): Promise<Lag> {
		return (await lagOf(this.#db, this.#options.name)) ?? { rows: 0, seconds: 0 };
	}

	/** Resolves when the batch that is being worked has ended. */
	async stop(): Promise<void> {
		await Promise.all([this.#looking?.stop(), this.#keeping?.stop()]);
	}

	/** Works batch after batch until there is no more. */
	async #look(signal: AbortSignal): Promise<void> {
		while (!signal.aborted) {
			const startedMs = performance.now();
			const outcome = await workBatch(this.#db, this.#options, this.#ahead);
			this.#hasFailed = false;
			if (outcome === "nothing" || outcome === "busy") return;
			const restMs = (performance.now() - startedMs) * (1 / this.#options.maxShare - 1);
			// Ends early, without an error, when the reader is stopped.
			if (restMs >= 1) await delay(restMs, undefined, { signal }).catch(() => {});
		}
	}

	async #checkLag(): Promise<void> {
		const { name, maxLagSeconds } = this.#options;
		const lag = await this.lag();
		const { rows, seconds } = lag;
		if (this.#metrics) setLagGauges(this.#metrics, name, lag);
		if (seconds <= maxLagSeconds || performance.now() - this.#lagLoggedMs < lagLogIntervalMs) return;
		this.#lagLoggedMs = performance.now();
		this.#logger.warn(`The consumer ${name} is ${Math.round(seconds)} s behind, with at least ${rows} rows to work`);
	}
}
