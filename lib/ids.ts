import { randomFillSync } from "node:crypto";
import { v7 } from "uuid";

const bytesPerId = 16;

/** Random bytes for many ids at once: each call of the generator costs more than the id. */
const pool = new Uint8Array(256 * bytesPerId);
let used = pool.length;

/** A new UUIDv7: in the order of time, to the millisecond. */
export function newId(): string {
	if (used === pool.length) {
		randomFillSync(pool);
		used = 0;
	}
	const random = pool.subarray(used, used + bytesPerId);
	used += bytesPerId;
	return v7({ random });
}
