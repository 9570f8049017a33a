import { ParleyError } from "../../lib/errors.ts";

/**
 * Limits how many costly tasks run and wait at a time, and lets users take turns: after a task of one user, another user's task
 * runs next, however many tasks the first one has.
 *
 * 1. Of the users with waiting tasks, the next is the one whose last task started the longest ago. The tasks of one user run in the
 *    order of their calls.
 * 2. When too many tasks wait, the user with the most waiting tasks loses the last of them. So no user can fill the queue.
 */
export class FairQueue {
	readonly #concurrency: number;
	readonly #maxWaiting: number;
	/** Users with waiting or running tasks. */
	readonly #users = new Map<string, UserTasks>();
	#running = 0;
	#started = 0;

	constructor(options: { concurrency: number; maxWaiting: number }) {
		this.#concurrency = options.concurrency;
		this.#maxWaiting = options.maxWaiting;
	}

	/** Runs the task when it is the user's turn. UNAVAILABLE at once, or later, when it has lost its place (rule 2). */
	async run<Result>(userId: string, task: () => Promise<Result>): Promise<Result> {
		const user = this.#users.get(userId) ?? { waiting: [], running: 0, lastStart: 0 };
		this.#users.set(userId, user);
		if (this.#running < this.#concurrency) this.#start(user);
		else await this.#turnOf(user);
		try {
			return await task();
		} finally {
			user.running--;
			this.#running--;
			this.#removeIfDone(userId, user);
			// In the same turn of the event loop, so that a new call cannot take the place first.
			this.#startNext();
		}
	}

	#start(user: UserTasks): void {
		user.running++;
		user.lastStart = ++this.#started;
		this.#running++;
	}

	#turnOf(user: UserTasks): Promise<void> {
		const { promise, resolve: start, reject } = Promise.withResolvers<void>();
		user.waiting.push({ start, refuse: () => reject(new ParleyError("UNAVAILABLE")) });
		const waiting = [...this.#users.values()].reduce((sum, each) => sum + each.waiting.length, 0);
		if (waiting > this.#maxWaiting) this.#refuseOne(user);
		return promise;
	}

	/** Refuses the last waiting task of the user with the most. If `newest` has as many as another user, the task of `newest`. */
	#refuseOne(newest: UserTasks): void {
		let longest = newest;
		for (const user of this.#users.values()) if (user.waiting.length > longest.waiting.length) longest = user;
		longest.waiting.pop()?.refuse();
		for (const [userId, user] of this.#users) this.#removeIfDone(userId, user);
	}

	#startNext(): void {
		const waiting = [...this.#users.values()].filter((user) => user.waiting.length > 0);
		const [next] = waiting.toSorted((a, b) => a.lastStart - b.lastStart);
		if (!next) return;
		this.#start(next);
		next.waiting.shift()?.start();
	}

	#removeIfDone(userId: string, { waiting, running }: UserTasks): void {
		if (waiting.length === 0 && running === 0) this.#users.delete(userId);
	}
}

interface UserTasks {
	waiting: { start(): void; refuse(): void }[];
	running: number;
	/** The number of the user's last start, counted over all users. 0 when no task has started yet. */
	lastStart: number;
}
