/** JSON bytes of a page, or of the messages in a `sync`: half of what NATS accepts in one message. */
export const pageBytes = 512 * 1024;

/**
 * How many of the first items fit into `maxBytes` of JSON, commas included; at least `atLeast`. Most pages are small. For these an
 * upper bound is enough, which is computed without making JSON. Only pages that may be too large are measured.
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

/** An upper bound of a value's bytes as JSON. In the worst case a UTF-16 unit takes six (`\u0001`), and a number 24. */
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
