import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { giveToOwner } from "./ownership.ts";

const limitBytes = 10_000_000;

/** Of a log that has grown beyond the limit, this much of its end is kept. */
const keptBytes = 1_000_000;

const checkMs = 5_000;

/** The descriptor of a log that programs append to. They must not write at positions of their own: it is cut while they run. */
export function openLog(path: string): number {
	const descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW, 0o600);
	giveToOwner(descriptor, path);
	return descriptor;
}

/** Keeps a log bounded until the answer is called. */
export function boundLog(path: string): () => void {
	const timer = setInterval(() => cutLog(path), checkMs).unref();
	return () => clearInterval(timer);
}

/** Takes the beginning of a log away if it is too long. What is written at this very moment may be lost. */
export function cutLog(path: string): void {
	const descriptor = openLog(path);
	try {
		const { size } = fstatSync(descriptor);
		if (size <= limitBytes) return;
		const end = Buffer.alloc(keptBytes);
		readSync(descriptor, end, 0, keptBytes, size - keptBytes);
		ftruncateSync(descriptor);
		writeSync(descriptor, end.subarray(end.indexOf("\n") + 1));
	} finally {
		closeSync(descriptor);
	}
}
