/**
 * Combines updates of which only the newest for each key matters, such as acknowledgements and counts. The first one is flushed at
 * once. Those that come during a flush, or within `intervalMs` of its beginning, are merged by key and flushed together.
 */
export class Coalescer<Item> {
	readonly #flush: (items: Item[]) => Promise<void>;
	readonly #intervalMs: number;
	#waiting = new Map<string, Item>();
	#running: Promise<void> | undefined;

	/** `flush` must not reject; it handles its own errors. */
	constructor(flush: (items: Item[]) => Promise<void>, intervalMs: number) {
		this.#flush = flush;
		this.#intervalMs = intervalMs;
	}

	/** How many items wait for the next flush. */
	get size(): number {
		return this.#waiting.size;
	}

	/** The item that waits under this key. */
	get(key: string): Item | undefined {
		return this.#waiting.get(key);
	}

	/** Adds an item; it replaces the one that waits under the same key. */
	set(key: string, item: Item): void {
		this.#waiting.set(key, item);
		this.#running ??= this.#run();
	}

	/** Resolves when all items are flushed. */
	async drain(): Promise<void> {
		await this.#running;
	}

	async #run(): Promise<void> {
		await new Promise((resolve) => setImmediate(resolve));
		while (this.#waiting.size > 0) {
			const items = [...this.#waiting.values()];
			this.#waiting = new Map();
			await Promise.all([this.#flush(items), new Promise((resolve) => setTimeout(resolve, this.#intervalMs))]);
		}
		this.#running = undefined;
	}
}
