import { setTimeout as delay } from "node:timers/promises";
import { Gate } from "../../lib/gate.ts";

test("few are inside at a time, the others follow in their order", async () => {
	const gate = new Gate({ concurrency: 2, maxWaiting: 10 });
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
	expect(await Promise.all(numbers.map((n) => gate.pass(work(n))))).toEqual(numbers);
	expect(order).toEqual(numbers);
	expect(most).toBe(2);
});

test("when too many wait, the next is told so at once; a failure lets the next one in", async () => {
	const gate = new Gate({ concurrency: 1, maxWaiting: 1 });
	const { promise, reject } = Promise.withResolvers<never>();
	const first = gate.pass(() => promise);
	const second = gate.pass(async () => "second");
	expect(gate.depth).toBe(1);
	await expect(gate.pass(async () => "third")).rejects.toMatchObject({ type: "UNAVAILABLE" });
	reject(new Error("broken"));
	await expect(first).rejects.toThrow("broken");
	expect(await second).toBe("second");
	expect(await gate.pass(async () => "again")).toBe("again");
});
