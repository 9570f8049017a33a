import { ParleyError } from "../../lib/errors.ts";

/**
 * Lets few do something costly at a time, and a bounded number wait for it. People take turns: however much one of them wants, the
 * next of another comes after one of theirs.
 *
 * 1. Of the people who wait, the next is who had their last turn the longest ago; of one person's, the first that came.
 * 2. When too many wait, whoever has the most waiting loses the last of theirs. So nobody can fill the places that others need.
 */
export class FairQueue {
	readonly #concurrency: number;
	readonly #maxWaiting: number;
	/** Those who wait or have their turn now. */
	readonly #people = new Map<string, Person>();
	#inside = 0;
	#turns = 0;

	constructor(options: { concurrency: number; maxWaiting: number }) {
		this.#concurrency = options.concurrency;
		this.#maxWaiting = options.maxWaiting;
	}

	/** Does the work when it is this person's turn. UNAVAILABLE at once when too many wait, or later when others wait for less. */
	async take<Result>(who: string, work: () => Promise<Result>): Promise<Result> {
		const person = this.#people.get(who) ?? { waiting: [], inside: 0, lastTurn: 0 };
		this.#people.set(who, person);
		if (this.#inside < this.#concurrency) this.#begin(person);
		else await this.#turn(person);
		try {
			return await work();
		} finally {
			person.inside--;
			this.#inside--;
			this.#forget(who, person);
			// In the same turn of the event loop, so that nobody who comes now can slip in between.
			this.#goOn();
		}
	}

	#begin(person: Person): void {
		person.inside++;
		person.lastTurn = ++this.#turns;
		this.#inside++;
	}

	#turn(person: Person): Promise<void> {
		const { promise, resolve: go, reject } = Promise.withResolvers<void>();
		person.waiting.push({ go, refuse: () => reject(new ParleyError("UNAVAILABLE")) });
		const depth = [...this.#people.values()].reduce((sum, { waiting }) => sum + waiting.length, 0);
		if (depth > this.#maxWaiting) this.#drop(person);
		return promise;
	}

	/** The last of whoever has the most; of several who do, of the one who has just come. */
	#drop(newcomer: Person): void {
		let longest = newcomer;
		for (const person of this.#people.values()) if (person.waiting.length > longest.waiting.length) longest = person;
		longest.waiting.pop()?.refuse();
		for (const [who, person] of this.#people) this.#forget(who, person);
	}

	#goOn(): void {
		const waiting = [...this.#people.values()].filter((person) => person.waiting.length > 0);
		const [first] = waiting.toSorted((one, other) => one.lastTurn - other.lastTurn);
		if (!first) return;
		this.#begin(first);
		first.waiting.shift()?.go();
	}

	#forget(who: string, { waiting, inside }: Person): void {
		if (waiting.length === 0 && inside === 0) this.#people.delete(who);
	}
}

interface Person {
	waiting: { go(): void; refuse(): void }[];
	/** How much of theirs is done now. */
	inside: number;
	/** Counted over all people; 0: not yet. */
	lastTurn: number;
}
