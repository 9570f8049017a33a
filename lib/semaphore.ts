import { ParleyError } from "./errors.ts";

/** Lets few do something costly at a time, and a bounded number wait for it, in the order in which they came. */
export class Semaphore {
	readonly #concurrency: number;
	readonly #maxWaiting: number;
	readonly #waiting: (() => void)[] = [];
	#inside = 0;

	constructor(options: { concurrency: number; maxWaiting: number }) {
		this.#concurrency = options.concurrency;
		this.#maxWaiting = options.maxWaiting;
	}

	/** How many wait. */
	get depth(): number {
		return this.#waiting.length;
	}

	/** Does the work when it is its turn. UNAVAILABLE at once when too many wait. */
	async run<Result>(work: () => Promise<Result>): Promise<Result> {
		if (this.#inside < this.#concurrency) this.#inside++;
		else await this.#turn();
		try {
			return await work();
		} finally {
			// Whoever is next takes the place over, so that nobody who comes now can slip in between.
			const next = this.#waiting.shift();
			if (next) next();
			else this.#inside--;
		}
	}

	#turn(): Promise<void> {
		if (this.#waiting.length >= this.#maxWaiting) return Promise.reject(new ParleyError("UNAVAILABLE"));
		return new Promise((resolve) => this.#waiting.push(resolve));
	}
}
