import { randomUUID } from "node:crypto";
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { EmbeddedError } from "./error.ts";
import { isAlive, startTime } from "./processes.ts";

/**
 * Takes a data folder for this process; the answer gives it back. The lock of a process that is gone is taken over.
 * @throws {EmbeddedError} when another Parley has it
 */
export function lockFolder(folder: string): () => void {
	const lock = join(folder, "parley.pid");
	const mine = `${process.pid} ${startTime(process.pid)}\n`;
	const draft = `${lock}.${randomUUID()}`;
	writeFileSync(draft, mine);
	try {
		while (!link(draft, lock)) {
			const theirs = read(lock);
			const [pid, started] = theirs?.trim().split(" ") ?? [];
			if (pid && isAlive(Number(pid)) && startTime(Number(pid)) === (started ?? "")) {
				throw new EmbeddedError(
					`${folder} is in use by another Parley (process ${pid}): stop it, set another DATA_DIR, or set DATABASE_URL to share a database`,
				);
			}
			if (theirs !== undefined) remove(lock, theirs);
		}
	} finally {
		rmSync(draft, { force: true });
	}
	return () => {
		if (read(lock) === mine) rmSync(lock, { force: true });
	};
}

/** Two may find the same stale lock; who comes second would remove the first one's new lock, so look at what was moved away. */
function remove(lock: string, stale: string): void {
	const aside = `${lock}.${randomUUID()}`;
	try {
		renameSync(lock, aside);
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
		throw error;
	}
	if (read(aside) !== stale) link(aside, lock);
	rmSync(aside);
}

/** False when `to` exists. */
function link(from: string, to: string): boolean {
	try {
		linkSync(from, to);
		return true;
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
		throw error;
	}
}

function read(path: string): string | undefined {
	try {
		return readFileSync(path, "utf8");
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
		throw error;
	}
}
