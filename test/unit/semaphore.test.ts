import { setTimeout as delay } from "node:timers/promises";
import { Semaphore } from "../../lib/semaphore.ts";

test("few are inside at a time, the others follow in their order", async () => {
	const semaphore = new Semaphore({ concurrency: 2, maxWaiting: 10 });
	let inside = 0;
	let most = 0;
	const order: number[] = [];
	const work = (n: number) => async () => {
		most = Math.max(most, ++inside);
		order.push(n);
		await delay(1);
		inside--;
		return n;
	};
	const numbers = [1, 2, 3, 4, 5, 6, 7];
	expect(await Promise.all(numbers.map((n) => semaphore.run(work(n))))).toEqual(numbers);
	expect(order).toEqual(numbers);
	expect(most).toBe(2);
});

test("when too many wait, the next is told so at once; a failure lets the next one in", async () => {
	const semaphore = new Semaphore({ concurrency: 1, maxWaiting: 1 });
	const { promise, reject } = Promise.withResolvers<never>();
	const first = semaphore.run(() => promise);
	const second = semaphore.run(async () => "second");
	expect(semaphore.depth).toBe(1);
	await expect(semaphore.run(async () => "third")).rejects.toMatchObject({ type: "UNAVAILABLE" });
	reject(new Error("broken"));
	await expect(first).rejects.toThrow("broken");
	expect(await second).toBe("second");
	expect(await semaphore.run(async () => "again")).toBe("again");
});
