/**
 * Shares the event loop between long computations and everything else. All pieces of work that ask with `next` share one slice of each
 * turn of the event loop, in the order in which they asked; the others continue in later turns. So however much work comes at once,
 * a socket or a database answer waits for one slice and one piece of work at most.
 */
export class Turns {
	readonly #sliceMs: number;
	readonly #now: () => number;
	readonly #waiting: (() => void)[] = [];
	/** When the first piece of work of this turn began; undefined if there was none. */
	#sinceMs: number | undefined;

	/** `sliceMs`: how long all work together may take in one turn. The last piece may take longer. */
	constructor(sliceMs: number, now: () => number = () => performance.now()) {
		this.#sliceMs = sliceMs;
		this.#now = now;
	}

	/** To be called before each piece of work. Undefined: it may run now; else when the promise resolves. */
	next(): Promise<void> | undefined {
		if (this.#sinceMs === undefined) this.#begin();
		else if (this.#waiting.length > 0 || this.#now() - this.#sinceMs >= this.#sliceMs) {
			return new Promise((resolve) => this.#waiting.push(resolve));
		}
		return undefined;
	}

	#begin(): void {
		this.#sinceMs = this.#now();
		// Runs after the I/O events that have arrived until then.
		setImmediate(() => {
			const resume = this.#waiting.shift();
			if (resume) this.#begin();
			else this.#sinceMs = undefined;
			resume?.();
		});
	}
}

/** `map`, with a call of `turns.next` before each item. */
export async function mapInTurns<Item, Result>(turns: Turns, items: Item[], work: (item: Item) => Result): Promise<Result[]> {
	const results: Result[] = [];
	for (const item of items) {
		const turn = turns.next();
		if (turn) await turn;
		results.push(work(item));
	}
	return results;
}

/*
 * One for each kind of work, so that sends do not wait for pages, nor pages for searches. All brokers of the process share them, since
 * they share the event loop.
 */
export const sendingTurns = new Turns(5);
export const readingTurns = new Turns(5);
export const searchingTurns = new Turns(2);
