import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "moleculer";
import { every, type Repeated } from "../lib/every.ts";
import type { Database } from "./database.ts";
import { type Lag, lagOf } from "./tail/lag.ts";
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
	/** How often it looks without being told; also how soon another node takes over. Default 1,000. */
	intervalMs?: number;
	/** A lag of more seconds than this is logged as a warning. Default 60. */
	maxLagSeconds?: number;
}

const defaults = { from: "beginning", maxRows: 500, maxBytes: 1024 * 1024, intervalMs: 1_000, maxLagSeconds: 60 } as const;

/** After `lookNow` this passes before it looks, so that many calls in a row cause one look. */
const lookDelayMs = 100;

/** How often the index is looked after and the lag is measured. */
const keepIntervalMs = 5_000;

/** How often a lag is logged. */
const lagLogIntervalMs = 30_000;

/**
 * Shows every stored row of a table to a consumer, once in effect, in whatever order nodes die (docs/adr/0026-tail-reader.md). The
 * message path does nothing for it. The consumer is known by its name and has a durable position. Every node that offers the service
 * runs a reader; one of them at a time works a batch.
 *
 * A batch that fails is done again at the next interval, and nothing behind it before it succeeds.
 */
export class TailReader<Name extends SourceName> {
	readonly #db: Database;
	readonly #logger: Pick<Logger, "warn">;
	readonly #options: Required<TailOptions<Name>>;
	readonly #ahead: ReadAhead<Name>;
	readonly #summarizer: Summarizer;
	#looking: Repeated | undefined;
	#keeping: Repeated | undefined;
	#isAsked = false;
	#lagLoggedMs = Number.NEGATIVE_INFINITY;
	#hasFailed = false;

	constructor(db: Database, logger: Pick<Logger, "warn">, options: TailOptions<Name>) {
		this.#db = db;
		this.#logger = logger;
		this.#options = { ...defaults, ...options };
		this.#ahead = new ReadAhead(options.source);
		this.#summarizer = new Summarizer(options.source);
	}

	/** Begins to look. The first look is at once. */
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
			(error) => this.#logger.warn(`The lag of the consumer ${name} could not be measured:`, error),
		);
		this.#looking.now();
	}

	/** There may be new rows. Not after a failure: then the interval alone decides, so that no batch is tried all the time. */
	lookNow(): void {
		if (this.#isAsked || this.#hasFailed || !this.#looking) return;
		this.#isAsked = true;
		void delay(lookDelayMs, undefined, { ref: false }).then(() => {
			this.#isAsked = false;
			this.#looking?.now();
		});
	}

	/** How far the consumer is behind; the same on every node. */
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
			const outcome = await workBatch(this.#db, this.#options, this.#ahead);
			this.#hasFailed = false;
			if (outcome === "nothing" || outcome === "busy") return;
		}
	}

	async #checkLag(): Promise<void> {
		const { name, maxLagSeconds } = this.#options;
		const { rows, seconds } = await this.lag();
		if (seconds <= maxLagSeconds || performance.now() - this.#lagLoggedMs < lagLogIntervalMs) return;
		this.#lagLoggedMs = performance.now();
		this.#logger.warn(`The consumer ${name} is ${Math.round(seconds)} s behind, with ${rows} rows or more to work`);
	}
}
