import { ParleyError } from "./errors.ts";

interface Parked<Item, Result> {
	item: Item;
	resolve(result: Result | Promise<Result>): void;
	reject(error: unknown): void;
}

type Run<Item, Result> = (items: Item[]) => Promise<(Result | Promise<Result> | Error)[]>;

/**
 * Combines the items of many callers into few runs. If no run is under way, one begins at the end of this turn of the event loop.
 * Items that come during a run are parked, and go together into the next one. So a single item does not wait, and batches grow with
 * the load. With database commits this is known as group commit.
 */
export class Batcher<Item, Result> {
	readonly #run: Run<Item, Result>;
	readonly #maxBatch: number;
	readonly #maxParked: number;
	readonly #parked: Parked<Item, Result>[] = [];
	#running: Promise<void> | undefined;

	/**
	 * `run` returns one result for each item, in order. An Error rejects only that item. A promise delays only that item, not the
	 * next run. If `run` rejects, the whole batch is rejected.
	 */
	constructor(run: Run<Item, Result>, options: { maxBatch: number; maxParked: number }) {
		this.#run = run;
		this.#maxBatch = options.maxBatch;
		this.#maxParked = options.maxParked;
	}

	/** How many items wait for the next run. */
	get depth(): number {
		return this.#parked.length;
	}

	/** Resolves when the item is done. Rejects at once with UNAVAILABLE when too many wait. */
	add(item: Item): Promise<Result> {
		if (this.#parked.length >= this.#maxParked) return Promise.reject(new ParleyError("UNAVAILABLE"));
		return new Promise((resolve, reject) => {
			this.#parked.push({ item, resolve, reject });
			this.#running ??= this.#runAll();
		});
	}

	/** Resolves when all items are done. */
	async drain(): Promise<void> {
		await this.#running;
	}

	async #runAll(): Promise<void> {
		await new Promise((resolve) => setImmediate(resolve));
		while (this.#parked.length > 0) await this.#runBatch(this.#parked.splice(0, this.#maxBatch));
		this.#running = undefined;
	}

	async #runBatch(batch: Parked<Item, Result>[]): Promise<void> {
		try {
			const results = await this.#run(batch.map(({ item }) => item));
			batch.forEach(({ resolve, reject }, i) => {
				const result = results[i] as Result | Promise<Result> | Error;
				if (result instanceof Error) reject(result);
				else resolve(result);
			});
		} catch (error) {
			for (const { reject } of batch) reject(error);
		}
	}
}
