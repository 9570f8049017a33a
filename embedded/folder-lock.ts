import { closeSync } from "node:fs";
import { join } from "node:path";
import { EmbeddedError } from "./error.ts";
import { tryLock } from "./kernel-lock.ts";

/**
 * Locks a data folder for this process. The returned function unlocks it, and so does the end of the process.
 * @throws {EmbeddedError} when another Parley has the lock, in this or another container
 */
export function lockFolder(folder: string): () => void {
	const { descriptor, holder } = tryLock(join(folder, "parley.lock"));
	if (descriptor === undefined) {
		throw new EmbeddedError(
			`${folder} is in use by another Parley (${holder}): stop it, set another DATA_DIR, or set DATABASE_URL to share a database`,
		);
	}
	let isHeld = true;
	return () => {
		// Only once: later the same descriptor number may belong to another file.
		if (isHeld) closeSync(descriptor);
		isHeld = false;
	};
}
