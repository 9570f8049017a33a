import fc from "fast-check";
import { chunksOf } from "../../lib/chunks.ts";

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
