import { FairQueue } from "../../services/media/fair-queue.ts";

/** Work that ends when it is told, in the order in which it began. */
class Works {
	readonly begun: string[] = [];
	readonly refused: string[] = [];
	readonly #ends = new Map<string, () => void>();
	readonly #queue: FairQueue;

	constructor(options: { concurrency: number; maxWaiting: number }) {
		this.#queue = new FairQueue(options);
	}

	add(...names: string[]): void {
		for (const name of names) {
			this.#queue
				.run(name.slice(0, 1), () => {
					this.begun.push(name);
					return new Promise<void>((resolve) => this.#ends.set(name, resolve));
				})
				.catch(({ type }) => this.refused.push(`${name} ${type}`));
		}
	}

	/** Ends what was begun, one after the other, until nothing is left. */
	async endAll(): Promise<void> {
		for (let i = 0; i < this.begun.length; i++) {
			this.#ends.get(this.begun[i] ?? "")?.();
			await new Promise((resolve) => setImmediate(resolve));
		}
	}
}

test("people take turns, and what one wants is done in the order in which it came", async () => {
	const works = new Works({ concurrency: 1, maxWaiting: 20 });
	works.add("a1", "a2", "a3", "a4", "b1", "c1", "b2");
	await works.endAll();
	expect(works.begun).toEqual(["a1", "b1", "c1", "a2", "b2", "a3", "a4"]);
	expect(works.refused).toEqual([]);
});

test("no more is done at a time than may be", async () => {
	const works = new Works({ concurrency: 2, maxWaiting: 20 });
	works.add("a1", "a2", "a3", "b1");
	expect(works.begun).toEqual(["a1", "a2"]);
	await works.endAll();
	expect(works.begun).toHaveLength(4);
});

test("when too many wait, whoever has the most waiting loses the last, and only then the one who comes", async () => {
	const works = new Works({ concurrency: 1, maxWaiting: 3 });
	works.add("a0", "a1", "a2", "a3", "a4", "b1", "c1", "d1");
	await works.endAll();
	expect(works.refused).toEqual(["a4 UNAVAILABLE", "a3 UNAVAILABLE", "a2 UNAVAILABLE", "d1 UNAVAILABLE"]);
	expect(works.begun).toEqual(["a0", "b1", "c1", "a1"]);
});

test("what fails gives its turn to the next", async () => {
	const queue = new FairQueue({ concurrency: 1, maxWaiting: 1 });
	const failing = queue.run("a", async () => Promise.reject(new Error("broken")));
	const next = queue.run("b", async () => "done");
	await expect(failing).rejects.toThrow("broken");
	expect(await next).toBe("done");
});
