import { LRUCache } from "lru-cache";

/** Finds values of many ids with one question, and keeps them for a time. What was not found is kept too, as undefined. */
export class CachedLookup<Value extends object | string> {
	readonly #find: (ids: string[]) => Promise<ReadonlyMap<string, Value>>;
	readonly #known: LRUCache<string, { value: Value | undefined }>;

	constructor(find: (ids: string[]) => Promise<ReadonlyMap<string, Value>>, options: { max: number; ttlMs: number }) {
		this.#find = find;
		this.#known = new LRUCache({ max: options.max, ttl: options.ttlMs });
	}

	/** The values of those ids that have one. */
	async of(ids: Iterable<string>): Promise<Map<string, Value>> {
		const values = new Map<string, Value>();
		const missing: string[] = [];
		for (const id of new Set(ids)) {
			const known = this.#known.get(id);
			if (!known) missing.push(id);
			else if (known.value !== undefined) values.set(id, known.value);
		}
		if (missing.length === 0) return values;
		const found = await this.#find(missing);
		for (const id of missing) {
			const value = found.get(id);
			this.#known.set(id, { value });
			if (value !== undefined) values.set(id, value);
		}
		return values;
	}
}
