import { randomFillSync } from "node:crypto";
import { v7 } from "uuid";

const bytesPerId = 16;

/** Random bytes for many ids at once: one call of the random generator costs more than making an id. */
const pool = new Uint8Array(256 * bytesPerId);
let used = pool.length;

/**
 * A new id for something that is stored: a UUIDv7, which sorts by the time of its creation, to the millisecond. Rows get their ids
 * from here, never from PostgreSQL. What is not stored as an id (request ids, tokens) is a `randomUUID`.
 */
export function newId(): string {
	if (used === pool.length) {
		randomFillSync(pool);
		used = 0;
	}
	const random = pool.subarray(used, used + bytesPerId);
	used += bytesPerId;
	return v7({ random });
}
