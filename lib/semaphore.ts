import { ParleyError } from "./errors.ts";

/** Runs a bounded number of jobs at the same time. A bounded number of others wait for their turn, in order. */
export class Semaphore {
	readonly #concurrency: number;
	readonly #maxWaiting: number;
	readonly #waiting: (() => void)[] = [];
	#running = 0;

	constructor(options: { concurrency: number; maxWaiting: number }) {
		this.#concurrency = options.concurrency;
		this.#maxWaiting = options.maxWaiting;
	}

	/** How many jobs wait. */
	get depth(): number {
		return this.#waiting.length;
	}

	/** Runs the work when it is its turn. Rejects at once with UNAVAILABLE when too many wait. */
	async run<Result>(work: () => Promise<Result>): Promise<Result> {
		if (this.#running < this.#concurrency) this.#running++;
		else await this.#turn();
		try {
			return await work();
		} finally {
			// The next job takes over this place directly, so that a new job cannot overtake it.
			const next = this.#waiting.shift();
			if (next) next();
			else this.#running--;
		}
	}

	#turn(): Promise<void> {
		if (this.#waiting.length >= this.#maxWaiting) return Promise.reject(new ParleyError("UNAVAILABLE"));
		return new Promise((resolve) => this.#waiting.push(resolve));
	}
}
