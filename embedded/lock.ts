import { closeSync } from "node:fs";
import { join } from "node:path";
import { EmbeddedError } from "./error.ts";
import { tryLock } from "./kernel-lock.ts";

/**
 * Takes a data folder for this process; the answer gives it back, as the end of the process does.
 * @throws {EmbeddedError} when another Parley has it, in whichever container
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
		// Once: the number may be another file's by the second time.
		if (isHeld) closeSync(descriptor);
		isHeld = false;
	};
}
