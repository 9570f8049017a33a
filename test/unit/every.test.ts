import { every } from "../../lib/every.ts";
import { until } from "../../testing/until.ts";

/** Work that ends when it is told to. */
class Work {
	readonly signals: AbortSignal[] = [];
	#finish: () => void = () => {};

	readonly run = (signal: AbortSignal): Promise<void> => {
		this.signals.push(signal);
		return new Promise((resolve) => {
			this.#finish = resolve;
		});
	};

	finish(): void {
		this.#finish();
	}
}

function unexpected(error: unknown): never {
	throw error;
}

test("it is done when asked, and once more for all who ask meanwhile", async () => {
	const work = new Work();
	const repeated = every(60_000, work.run, unexpected);
	repeated.now();
	for (let n = 0; n < 3; n++) repeated.now();
	expect(work.signals).toHaveLength(1);
	work.finish();
	await until(() => work.signals.length === 2);
	work.finish();
	await new Promise((resolve) => setImmediate(resolve));
	repeated.now();
	await until(() => work.signals.length === 3);
	work.finish();
	await repeated.stop();
	expect(work.signals).toHaveLength(3);
});

test("it is done again and again without being asked", async () => {
	let count = 0;
	const repeated = every(5, async () => void count++, unexpected);
	await until(() => count >= 3);
	await repeated.stop();
	const stopped = count;
	repeated.now();
	await new Promise((resolve) => setTimeout(resolve, 20));
	expect(count).toBe(stopped);
});

test("it is never done twice at once: what is due meanwhile is left out", async () => {
	const work = new Work();
	const repeated = every(2, work.run, unexpected);
	await until(() => work.signals.length === 1);
	await new Promise((resolve) => setTimeout(resolve, 20));
	expect(work.signals).toHaveLength(1);
	work.finish();
	await until(() => work.signals.length === 2);
	const stopped = repeated.stop();
	work.finish();
	await stopped;
});

test("a failure is told, and it is done again", async () => {
	const failures: unknown[] = [];
	let count = 0;
	const failing = every(
		2,
		async () => {
			throw new Error(`failure ${++count}`);
		},
		(error) => failures.push(error),
	);
	await until(() => failures.length >= 2);
	await failing.stop();
	expect(failures.slice(0, 2)).toEqual([new Error("failure 1"), new Error("failure 2")]);
});

test("to stop it waits for what is being done, which hears of it", async () => {
	const work = new Work();
	const repeated = every(60_000, work.run, unexpected);
	repeated.now();
	let isStopped = false;
	const stopped = repeated.stop().then(() => {
		isStopped = true;
	});
	expect(work.signals[0]?.aborted).toBe(true);
	await new Promise((resolve) => setImmediate(resolve));
	expect(isStopped).toBe(false);
	work.finish();
	await stopped;
});
