import { setTimeout as delay } from "node:timers/promises";
import { EmbeddedError } from "./error.ts";
import { tryLock } from "./kernel-lock.ts";

const pollMs = 100;

/** How long back ends of a server that was killed may go on with what they are doing. */
const orphansMs = 5_000;

/**
 * The descriptor of the lock that every process of PostgreSQL inherits, so that it is held until the last of them has ended. The
 * folder's own lock does not tell that: it is free as soon as Parley has ended, which may be killed alone.
 * @throws {EmbeddedError} when a server that is out of our sight, in another container, still runs on the data
 */
export async function lockData(data: string, lock: string, stopping = new AbortController().signal): Promise<number> {
	for (const deadline = Date.now() + orphansMs; ; await delay(pollMs, undefined, { signal: stopping })) {
		const { descriptor, holder } = tryLock(lock);
		if (descriptor !== undefined) return descriptor;
		if (Date.now() < deadline) continue;
		throw new EmbeddedError(
			`${data} is still in use by the PostgreSQL of a Parley that ended (${holder}): stop the container it runs in, or set another DATA_DIR`,
		);
	}
}
