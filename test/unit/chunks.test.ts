import { inChunks, jsonLength } from "../../lib/chunks.ts";

test("a list is cut where the next item would make a part too large", () => {
	expect(inChunks([3, 3, 3, 9, 1, 1], (size) => size, 6)).toEqual([[3, 3], [3], [9], [1, 1]]);
	expect(inChunks([], (size: number) => size, 6)).toEqual([]);
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
