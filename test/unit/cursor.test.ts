import fc from "fast-check";
import { z } from "zod";
import { decodeCursor, encodeCursor } from "../../lib/cursor.ts";

const Position = z.tuple([z.string(), z.int()]);

test("a position comes back as it was, in letters that a URL takes", () => {
	fc.assert(
		fc.property(fc.string({ unit: "grapheme" }), fc.integer(), (text, number) => {
			const cursor = encodeCursor([text, number]);
			expect(cursor).toMatch(/^[\w-]+$/);
			expect(decodeCursor(cursor, Position)).toEqual([text, number]);
		}),
	);
});

test("whatever a client makes up is either a position or refused as one", () => {
	fc.assert(
		fc.property(fc.string({ unit: "binary" }), (cursor) => {
			expect(() => decodeCursor(cursor, Position)).toThrow(expect.objectContaining({ type: "VALIDATION_FAILED" }));
		}),
	);
});

test.each([
	["of another list", encodeCursor({ id: 1 })],
	["with too much in it", encodeCursor(["a", 1, 2])],
	["that is cut off", encodeCursor(["a", 1]).slice(0, -3)],
	["that is empty", ""],
])("a cursor %s is refused by its name", (_what, cursor) => {
	expect(() => decodeCursor(cursor, Position)).toThrow(
		expect.objectContaining({ type: "VALIDATION_FAILED", data: [{ path: "cursor", message: "is not a cursor of this list" }] }),
	);
});
