import fc from "fast-check";
import { chunksBySize, chunksOf, jsonLength } from "../../lib/chunks.ts";

test("a list is cut where the next item would make a part too large", () => {
	expect(chunksBySize([3, 3, 3, 9, 1, 1], (size) => size, 6)).toEqual([[3, 3], [3], [9], [1, 1]]);
	expect(chunksBySize([], (size: number) => size, 6)).toEqual([]);
});

test.each<[string, unknown]>([
	["a text", "hello"],
	["nothing", null],
	["a message", { id: "1", seq: 12, content: "Hello", image: null, metadata: { a: true }, tags: ["x", "yz"] }],
	["many people", Array.from({ length: 1_000 }, (_, i) => ({ userId: `user-${i}`, event: "user_online" }))],
])("the length of %s as JSON is estimated within a tenth, or some characters", (_, value) => {
	const length = JSON.stringify(value).length;
	expect(Math.abs(jsonLength(value) - length)).toBeLessThanOrEqual(Math.max(length / 10, 15));
});

test("pieces are of at most the size, none is empty, and together they are the whole in its order", () => {
	fc.assert(
		fc.property(fc.array(fc.integer(), { maxLength: 50 }), fc.integer({ min: 1, max: 20 }), (items, size) => {
			const chunks = chunksOf(items, size);
			expect(chunks.flat()).toEqual(items);
			expect(chunks).toHaveLength(Math.ceil(items.length / size));
			for (const chunk of chunks) expect(chunk.length).toBeLessThanOrEqual(size);
			for (const chunk of chunks.slice(0, -1)) expect(chunk).toHaveLength(size);
		}),
	);
});
