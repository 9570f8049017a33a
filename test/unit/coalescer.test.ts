import { Coalescer } from "../../lib/coalescer.ts";

const intervalMs = 100;

beforeEach(() => {
	jest.useFakeTimers({ doNotFake: ["setImmediate"] });
});

afterEach(() => {
	jest.useRealTimers();
});

const settled = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

test("what is set in one turn goes together, the newest of each key, and after a pause at once again", async () => {
	const flushed: string[][] = [];
	const subject = new Coalescer<string>(async (items) => void flushed.push(items), intervalMs);
	subject.set("a", "old");
	subject.set("b", "other");
	subject.set("a", "new");
	expect(subject.get("a")).toBe("new");
	await settled();
	expect(flushed).toEqual([["new", "other"]]);
	expect(subject.get("a")).toBeUndefined();

	await jest.advanceTimersByTimeAsync(intervalMs);
	subject.set("a", "later");
	await settled();
	expect(flushed).toEqual([["new", "other"], ["later"]]);
	await jest.advanceTimersByTimeAsync(intervalMs);
});

test("what comes within the interval waits for its end", async () => {
	const flushed: string[][] = [];
	const subject = new Coalescer<string>(async (items) => void flushed.push(items), intervalMs);
	subject.set("a", "1");
	await settled();
	subject.set("a", "2");
	await jest.advanceTimersByTimeAsync(intervalMs - 1);
	subject.set("a", "3");
	expect(flushed).toEqual([["1"]]);
	await jest.advanceTimersByTimeAsync(1);
	expect(flushed).toEqual([["1"], ["3"]]);
	await jest.advanceTimersByTimeAsync(intervalMs);
});

test("a flush that takes longer than the interval is waited for: there is one at a time", async () => {
	const finish: (() => void)[] = [];
	const flushed: string[][] = [];
	const subject = new Coalescer<string>((items) => {
		flushed.push(items);
		return new Promise((resolve) => finish.push(resolve));
	}, intervalMs);
	subject.set("a", "1");
	await settled();
	subject.set("a", "2");
	await jest.advanceTimersByTimeAsync(10 * intervalMs);
	expect(flushed).toEqual([["1"]]);
	finish[0]?.();
	await settled();
	expect(flushed).toEqual([["1"], ["2"]]);
	finish[1]?.();
	await jest.advanceTimersByTimeAsync(intervalMs);
	await subject.drain();
});

test("draining ends when all that was set is flushed, and at once when there is nothing", async () => {
	const flushed: string[][] = [];
	const subject = new Coalescer<string>(async (items) => void flushed.push(items), intervalMs);
	await subject.drain();
	subject.set("a", "1");
	await settled();
	subject.set("b", "2");
	const drained = subject.drain();
	await jest.advanceTimersByTimeAsync(2 * intervalMs);
	await drained;
	expect(flushed).toEqual([["1"], ["2"]]);
});
