/**
 * Shares the event loop between what goes through long texts and everything else: work that was announced by `next` gets a slice
 * of each turn together, and goes on in later turns, in the order in which it asked. So however much of it comes at once, a
 * socket or an answer of the database waits for no more than a slice and one piece of work.
 */
export class Turns {
	readonly #sliceMs: number;
	readonly #now: () => number;
	readonly #waiting: (() => void)[] = [];
	/** When the work of this turn began; undefined while there was none. */
	#sinceMs: number | undefined;

	/** `sliceMs`: how long all of the work together may hold one turn; the last piece of it comes on top. */
	constructor(sliceMs: number, now: () => number = () => performance.now()) {
		this.#sliceMs = sliceMs;
		this.#now = now;
	}

	/** To be asked before each piece of work. Undefined: it may be done at once; else when the promise resolves. */
	next(): Promise<void> | undefined {
		if (this.#sinceMs === undefined) this.#begin();
		else if (this.#waiting.length > 0 || this.#now() - this.#sinceMs >= this.#sliceMs) {
			return new Promise((resolve) => this.#waiting.push(resolve));
		}
		return undefined;
	}

	#begin(): void {
		this.#sinceMs = this.#now();
		// After what has come from sockets by then.
		setImmediate(() => {
			const resume = this.#waiting.shift();
			if (resume) this.#begin();
			else this.#sinceMs = undefined;
			resume?.();
		});
	}
}

/** `map`, in slices of turns of the event loop. */
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
 * For all brokers of this process, since it has one event loop. Nobody queues behind work of another kind: sends not behind
 * pages, and pages not behind searches.
 */
export const sendingTurns = new Turns(5);
export const readingTurns = new Turns(5);
export const searchingTurns = new Turns(2);
