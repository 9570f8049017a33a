/**
 * Does for many requests at once what only their newest state matters for: acknowledgements, counts. The first goes at once;
 * what comes while it runs, or within `intervalMs` of it, is merged by key and goes together.
 */
export class Coalescer<Item> {
	readonly #flush: (items: Item[]) => Promise<void>;
	readonly #intervalMs: number;
	#waiting = new Map<string, Item>();
	#running: Promise<void> | undefined;

	/** `flush` must not reject: what it cannot do, it says itself. */
	constructor(flush: (items: Item[]) => Promise<void>, intervalMs: number) {
		this.#flush = flush;
		this.#intervalMs = intervalMs;
	}

	/** What waits under this key. */
	get(key: string): Item | undefined {
		return this.#waiting.get(key);
	}

	/** Replaces what waits under the same key. */
	set(key: string, item: Item): void {
		this.#waiting.set(key, item);
		this.#running ??= this.#run();
	}

	/** Resolves when all that was set is flushed. */
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
