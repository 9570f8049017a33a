import { setTimeout as delay } from "node:timers/promises";
import { EmbeddedError } from "./error.ts";
import { tryLock } from "./kernel-lock.ts";

const pollMs = 100;

/** How long the back ends of a killed server may take to end. */
const orphansTimeoutMs = 5_000;

/**
 * Takes the lock of the data and returns its descriptor. Every process of PostgreSQL inherits the descriptor, so the lock is held
 * until the last of them has ended. The folder's lock (folder-lock.ts) ends with Parley, and Parley may be killed alone.
 * @throws {EmbeddedError} when a server in another container still uses the data
 */
export async function lockData(data: string, lock: string, stopping = new AbortController().signal): Promise<number> {
	for (const deadline = Date.now() + orphansTimeoutMs; ; await delay(pollMs, undefined, { signal: stopping })) {
		const { descriptor, holder } = tryLock(lock);
		if (descriptor !== undefined) return descriptor;
		if (Date.now() < deadline) continue;
		throw new EmbeddedError(
			`${data} is still in use by the PostgreSQL of a Parley that ended (${holder}): stop the container it runs in, or set another DATA_DIR`,
		);
	}
}
