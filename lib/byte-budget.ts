/** What a page, or the messages of a `sync`, may have as JSON: half of what NATS lets through in one piece. */
export const pageBytes = 512 * 1024;

/**
 * How many of the first items fit into `maxBytes` of JSON, commas included; never fewer than `atLeast`. Most pages are small, and
 * for these an upper bound that is computed without making JSON is enough; only what may be too large is really measured.
 */
export function fitting(items: readonly unknown[], maxBytes: number, atLeast = 1): number {
	const bound = items.reduce<number>((bytes, item) => bytes + jsonBytesAtMost(item) + 1, 0);
	if (bound <= maxBytes) return items.length;
	let bytes = 0;
	for (const [index, item] of items.entries()) {
		bytes += Buffer.byteLength(JSON.stringify(item) ?? "null") + 1;
		if (bytes > maxBytes && index >= atLeast) return index;
	}
	return items.length;
}

/** An upper bound of a JSON-safe value's length as JSON in UTF-8. At worst a UTF-16 unit becomes `\u0001`, and a number has 24 digits. */
export function jsonBytesAtMost(value: unknown): number {
	if (typeof value === "string") return value.length * 6 + 2;
	if (typeof value !== "object" || value === null) return 24;
	let bytes = 2;
	if (Array.isArray(value)) {
		for (const item of value) bytes += jsonBytesAtMost(item) + 1;
		return bytes;
	}
	for (const key in value) bytes += key.length * 6 + 4 + jsonBytesAtMost((value as Record<string, unknown>)[key]);
	return bytes;
}
