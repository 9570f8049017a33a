import fc from "fast-check";
import { fitting, jsonBytesAtMost } from "../../lib/byte-budget.ts";

const bytesOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value));

/** Also half characters, control characters, quotes and emoji, which are longer as JSON. */
const text = fc.oneof(
	fc.string({ unit: "binary", maxLength: 300 }),
	fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 50 }).map((units) => String.fromCharCode(...units)),
	fc.array(fc.constantFrom("😀", '"', "\u0001", "\n", "\\", "é", "\ud83d"), { maxLength: 50 }).map((chars) => chars.join("")),
);
const number = fc.oneof(fc.double(), fc.integer(), fc.constant(-Number.MIN_VALUE), fc.constant(-Number.MAX_VALUE));
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
	value: fc.oneof(
		{ depthSize: "small", withCrossShrink: true },
		text,
		number,
		fc.constantFrom(true, false, null),
		fc.array(tie("value"), { maxLength: 6 }),
		fc.dictionary(text, tie("value"), { maxKeys: 6 }),
	),
}));

test("the estimate is never below what the value has as JSON", () => {
	fc.assert(
		fc.property(value, (any) => {
			expect(jsonBytesAtMost(any)).toBeGreaterThanOrEqual(bytesOf(any));
		}),
		{ numRuns: 2_000 },
	);
});

test("as many of the first items are taken as fit, to the byte, and one at least", () => {
	fc.assert(
		fc.property(fc.array(value, { maxLength: 20 }), fc.nat(4_000), (items, maxBytes) => {
			const count = fitting(items, maxBytes);
			const bytesOfFirst = (n: number) => bytesOf(items.slice(0, n)) - 1;
			if (count > 1) expect(bytesOfFirst(count)).toBeLessThanOrEqual(maxBytes);
			if (count < items.length) expect(bytesOfFirst(count + 1)).toBeGreaterThan(maxBytes);
			expect(count).toBeGreaterThanOrEqual(Math.min(1, items.length));
		}),
		{ numRuns: 1_000 },
	);
});

test("what must be taken is taken, whatever it weighs", () => {
	const items = ["x".repeat(100), "x".repeat(100), "x".repeat(100), ""];
	expect(fitting(items, 10)).toBe(1);
	expect(fitting(items, 10, 3)).toBe(3);
	expect(fitting(items, 10, 9)).toBe(4);
	expect(fitting([], 10)).toBe(0);
});
