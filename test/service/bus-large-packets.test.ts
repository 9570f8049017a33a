import { BoundedBus } from "../support/bounded-bus.ts";
import { echo } from "../support/echo.ts";
import { useNodes } from "../support/use-node.ts";

const mebibyte = 1024 * 1024;
/** Far below every time-out: the caller was told, and did not have to guess. */
const atOnceMs = 3_000;

/** Loses one of the long messages that it is given, once. */
class LossyBus extends BoundedBus {
	/** How many long messages go before the one that is lost. */
	before = Number.POSITIVE_INFINITY;

	override async send(topic: string, data: Buffer): Promise<void> {
		if (data.length < 100_000 || this.before-- !== 0) await super.send(topic, data);
	}
}

const buses = { caller: new LossyBus(), server: new LossyBus() };

const [caller, server] = useNodes({ services: [], bus: buses.caller }, { services: [], bus: buses.server, others: [echo] });

test("an answer of 5 MB arrives whole over a bus that takes 1 MB at a time", async () => {
	const letters = await caller.broker.call<string, object>("echo.letters", { count: 5 * mebibyte });
	expect(letters).toHaveLength(5 * mebibyte);
});

test("a request of 5 MB arrives whole over a bus that takes 1 MB at a time", async () => {
	const text = "é☃👍".repeat(mebibyte / 2);
	expect(await caller.broker.call("echo.count", { text })).toBe(text.length);
	expect((await caller.broker.call<string, object>("echo.same", { text })) === text).toBe(true);
});

test("large and small calls of several callers at once all get their own answers", async () => {
	const counts = [3 * mebibyte, 1, mebibyte / 2, 2 * mebibyte, 20, mebibyte];
	const answers = await Promise.all(counts.map((count) => caller.broker.call<string, object>("echo.letters", { count })));
	expect(answers.map((letters) => letters.length)).toEqual(counts);
});

test("an answer beyond 32 MB is refused, and its caller told at once", async () => {
	const startedMs = performance.now();
	const call = caller.broker.call("echo.letters", { count: 33 * mebibyte });
	await expect(call).rejects.toMatchObject({ type: "PACKET_TOO_LARGE", message: expect.stringContaining("33554432") });
	expect(performance.now() - startedMs).toBeLessThan(atOnceMs);
	expect(caller.broker.transit?.pendingRequests.size).toBe(0);
});

test("a request beyond 32 MB is refused at once and sent to nobody", async () => {
	const startedMs = performance.now();
	const call = caller.broker.call("echo.count", { text: "a".repeat(33 * mebibyte) });
	await expect(call).rejects.toMatchObject({ type: "PACKET_TOO_LARGE" });
	expect(performance.now() - startedMs).toBeLessThan(atOnceMs);
	expect(caller.broker.transit?.pendingRequests.size).toBe(0);
});

test.each(["request", "answer"])(
	"a call is rejected at once when a part of its %s is lost, and made again if it may be",
	async (lost) => {
		const bus = lost === "request" ? buses.caller : buses.server;
		const text = "a".repeat(3 * mebibyte);
		const startedMs = performance.now();

		bus.before = 1;
		const single = caller.broker.call("echo.same", { text }, { retries: 0 });
		await expect(single).rejects.toMatchObject({ type: "PACKET_LOST", data: { nodeID: server.broker.nodeID } });
		expect(caller.broker.transit?.pendingRequests.size).toBe(0);

		bus.before = 1;
		expect((await caller.broker.call<string, object>("echo.same", { text })) === text).toBe(true);
		expect(performance.now() - startedMs).toBeLessThan(atOnceMs);
	},
);
