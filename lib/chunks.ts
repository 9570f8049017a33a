/** Ids in one question to another service, so that neither a statement nor an answer grows with what the caller has. */
export const idsPerCall = 500;

/** The items in pieces of at most `size`, in order. */
export function chunksOf<Item>(items: readonly Item[], size: number): Item[][] {
	const chunks: Item[][] = [];
	for (let start = 0; start < items.length; start += size) chunks.push(items.slice(start, start + size));
	return chunks;
}
