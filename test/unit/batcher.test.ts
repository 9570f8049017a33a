import { Batcher } from "../../lib/batcher.ts";

/** A run that ends when it is told to. */
interface Run {
	items: number[];
	finish(results: (number | Error)[]): void;
	fail(error: Error): void;
}

function batcher(options = { maxBatch: 3, maxParked: 5 }) {
	const runs: Run[] = [];
	const subject = new Batcher<number, number>(
		(items) => new Promise((resolve, reject) => runs.push({ items, finish: resolve, fail: reject })),
		options,
	);
	return { subject, runs };
}

/** Everything that can happen without waiting for anything has happened. */
const settled = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

test("what comes in one turn goes together, in order", async () => {
	const { subject, runs } = batcher();
	const results = [1, 2, 3].map((item) => subject.add(item));
	await settled();
	expect(runs.map(({ items }) => items)).toEqual([[1, 2, 3]]);
	runs[0]?.finish([10, 20, 30]);
	expect(await Promise.all(results)).toEqual([10, 20, 30]);
});

test("what comes meanwhile waits and goes together: one run at a time, and none larger than allowed", async () => {
	const { subject, runs } = batcher();
	const first = subject.add(0);
	await settled();
	const rest = [1, 2, 3, 4].map((item) => subject.add(item));
	await settled();
	expect(runs.map(({ items }) => items)).toEqual([[0]]);
	expect(subject.depth).toBe(4);
	runs[0]?.finish([0]);
	await first;
	await settled();
	expect(runs.map(({ items }) => items)).toEqual([[0], [1, 2, 3]]);
	runs[1]?.finish([1, 2, 3]);
	await settled();
	expect(runs.map(({ items }) => items)).toEqual([[0], [1, 2, 3], [4]]);
	runs[2]?.finish([4]);
	expect(await Promise.all(rest)).toEqual([1, 2, 3, 4]);
	expect(subject.depth).toBe(0);
});

test("an item after a pause starts a run again", async () => {
	const { subject, runs } = batcher();
	for (const [i, item] of [1, 2].entries()) {
		const result = subject.add(item);
		await settled();
		runs[i]?.finish([item]);
		expect(await result).toBe(item);
		await settled();
	}
	expect(runs.map(({ items }) => items)).toEqual([[1], [2]]);
});

test("an error for one item rejects that one alone", async () => {
	const { subject, runs } = batcher();
	const results = [1, 2, 3].map((item) => subject.add(item));
	await settled();
	runs[0]?.finish([1, new Error("not this one"), 3]);
	expect(await Promise.allSettled(results)).toEqual([
		{ status: "fulfilled", value: 1 },
		{ status: "rejected", reason: new Error("not this one") },
		{ status: "fulfilled", value: 3 },
	]);
});

test("a run that fails rejects its items, and the next run goes on", async () => {
	const { subject, runs } = batcher({ maxBatch: 2, maxParked: 5 });
	const results = Promise.allSettled([1, 2, 3].map((item) => subject.add(item)));
	await settled();
	runs[0]?.fail(new Error("away"));
	await settled();
	runs[1]?.finish([3]);
	expect((await results).map(({ status }) => status)).toEqual(["rejected", "rejected", "fulfilled"]);
});

test("who comes when too many wait is sent away at once", async () => {
	const { subject, runs } = batcher({ maxBatch: 1, maxParked: 2 });
	const first = subject.add(0);
	await settled();
	const waiting = [subject.add(1), subject.add(2)];
	await expect(subject.add(3)).rejects.toMatchObject({ type: "UNAVAILABLE" });
	for (const [i, result] of [first, ...waiting].entries()) {
		await settled();
		runs[i]?.finish([i]);
		expect(await result).toBe(i);
	}
	expect(runs).toHaveLength(3);
});

test("draining ends when all that was added is done, and at once when there is nothing", async () => {
	const { subject, runs } = batcher({ maxBatch: 1, maxParked: 5 });
	await subject.drain();
	const results = [subject.add(1), subject.add(2)];
	let drained = false;
	const draining = subject.drain().then(() => {
		drained = true;
	});
	for (const [i, result] of results.entries()) {
		await settled();
		expect(drained).toBe(false);
		runs[i]?.finish([i]);
		await result;
	}
	await draining;
});
