import { mapInTurns, Turns } from "../../lib/turns.ts";

/** A clock that only the work moves on. */
function clock() {
	let nowMs = 0;
	return {
		turns: new Turns(5, () => nowMs),
		work: (ms: number) => {
			nowMs += ms;
			return nowMs;
		},
	};
}

/** Counts turns of the event loop until what it is given is done. */
async function turnsOf(work: Promise<unknown>): Promise<number> {
	let turns = 0;
	let isDone = false;
	void work.finally(() => {
		isDone = true;
	});
	while (!isDone) {
		await new Promise((resolve) => setImmediate(resolve));
		turns++;
	}
	return turns;
}

test("short work is done at once", async () => {
	const { turns, work } = clock();
	expect(
		await turnsOf(
			mapInTurns(
				turns,
				Array.from({ length: 49 }, () => 0.1),
				work,
			),
		),
	).toBe(1);
	expect(turns.next()).toBeUndefined();
});

test("long work lets the event loop go on, and is done in order", async () => {
	const { turns, work } = clock();
	const pieces = Array.from({ length: 100 }, () => 1);
	const done = mapInTurns(turns, pieces, work);
	expect(await turnsOf(done)).toBeGreaterThanOrEqual(15);
	expect(await done).toEqual(pieces.map((_, i) => i + 1));
});

test("however much comes at once, no turn holds more than one slice and one piece of it", async () => {
	const { turns, work } = clock();
	const perTurn: number[] = [0];
	let isDone = false;
	const tick = () => {
		perTurn.push(0);
		if (!isDone) setImmediate(tick);
	};
	setImmediate(tick);
	const many = Array.from({ length: 20 }, (_, i) =>
		mapInTurns(turns, [1, 2, 3], (ms) => {
			perTurn[perTurn.length - 1] = (perTurn.at(-1) ?? 0) + ms;
			work(ms);
			return i;
		}),
	);
	const answers = await Promise.all(many);
	isDone = true;
	expect(answers).toEqual(answers.map((_, i) => [i, i, i]));
	// What is done between two ticks may be of two turns.
	expect(Math.max(...perTurn)).toBeLessThanOrEqual(2 * (5 + 3));
	expect(perTurn.reduce((sum, ms) => sum + ms, 0)).toBe(20 * 6);
});

test("who asked first goes on first", async () => {
	const { turns, work } = clock();
	const order: string[] = [];
	const some = (name: string) =>
		mapInTurns(turns, [4, 4, 4], (ms) => {
			order.push(name);
			return work(ms);
		});
	await Promise.all([some("a"), some("b"), some("c")]);
	expect(order.filter((name, i) => i === order.indexOf(name))).toEqual(["a", "b", "c"]);
	expect(order.lastIndexOf("a")).toBeLessThan(order.lastIndexOf("c"));
});
