import { Sweep } from "../../lib/sweep.ts";
import { until } from "../support/until.ts";

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

test("it is done when asked, and once more for all who ask meanwhile", async () => {
	const work = new Work();
	const sweep = new Sweep(work.run, 60_000);
	sweep.look();
	for (let n = 0; n < 3; n++) sweep.look();
	expect(work.signals).toHaveLength(1);
	work.finish();
	await until(() => work.signals.length === 2);
	work.finish();
	sweep.look();
	await until(() => work.signals.length === 3);
	work.finish();
	await sweep.stop();
	expect(work.signals).toHaveLength(3);
});

test("it is done again and again without being asked", async () => {
	let count = 0;
	const sweep = new Sweep(async () => void count++, 5);
	sweep.start();
	await until(() => count >= 3);
	await sweep.stop();
	const stopped = count;
	sweep.look();
	await new Promise((resolve) => setImmediate(resolve));
	expect(count).toBe(stopped);
});

test("to stop it waits for what is being done, which hears of it", async () => {
	const work = new Work();
	const sweep = new Sweep(work.run, 60_000);
	sweep.look();
	let isStopped = false;
	const stopped = sweep.stop().then(() => {
		isStopped = true;
	});
	expect(work.signals[0]?.aborted).toBe(true);
	await new Promise((resolve) => setImmediate(resolve));
	expect(isStopped).toBe(false);
	work.finish();
	await stopped;
});
