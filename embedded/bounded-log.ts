import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { giveToOwner } from "./ownership.ts";

const maxBytes = 10_000_000;

/** How much of the end of a log is kept when it has become too long. */
const keptBytes = 1_000_000;

const checkMs = 5_000;

/** Opens a log for programs that append to it. They must not write at a fixed position, since the log is cut while they run. */
export function openLog(path: string): number {
	const descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW, 0o600);
	giveToOwner(descriptor, path);
	return descriptor;
}

/** Cuts a log whenever it becomes too long, until the returned function is called. */
export function boundLog(path: string): () => void {
	const timer = setInterval(() => cutLog(path), checkMs).unref();
	return () => clearInterval(timer);
}

/** Removes the beginning of a log that is too long. Lines that are written at the same moment may be lost. */
export function cutLog(path: string): void {
	const descriptor = openLog(path);
	try {
		const { size } = fstatSync(descriptor);
		if (size <= maxBytes) return;
		const end = Buffer.alloc(keptBytes);
		readSync(descriptor, end, 0, keptBytes, size - keptBytes);
		ftruncateSync(descriptor);
		writeSync(descriptor, end.subarray(end.indexOf("\n") + 1));
	} finally {
		closeSync(descriptor);
	}
}
