import { spawnSync } from "node:child_process";
import { closeSync, constants, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { onlyOf } from "../lib/config/child-env.ts";
import { EmbeddedError } from "./error.ts";
import { giveToOwner } from "./ownership.ts";

/** The lock, or the process that holds it. */
export type LockAttempt = { descriptor: number; holder?: never } | { descriptor?: never; holder: string };

/**
 * Takes the flock(2) lock of a file. The file is made if there is none, and must never be removed. The kernel holds the lock
 * until the descriptor is closed, also in child processes that inherited it. It holds for other containers too, and is freed
 * however the processes end.
 * @throws {EmbeddedError} when the file cannot be locked at all
 */
export function tryLock(path: string): LockAttempt {
	const descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
	try {
		giveToOwner(descriptor, path);
		if (!flock(descriptor, path)) {
			const holder = readFileSync(descriptor, "utf8").trim() || "which has just started";
			closeSync(descriptor);
			return { holder };
		}
		// Other processes show this in their error message. A pid alone does not identify a process in another container.
		const holder = `process ${process.pid} on ${hostname()}, since ${new Date().toISOString()}\n`;
		ftruncateSync(descriptor);
		writeSync(descriptor, holder, 0);
		return { descriptor };
	} catch (error) {
		closeSync(descriptor);
		throw error;
	}
}

/** The exit code of both programs when another process has the lock. */
const lockedByOther = 1;

/** Node has no flock(2), so a program takes the lock. The lock belongs to the open file and stays when that program has ended. */
const programs: [string, string[]][] = [
	["flock", ["-x", "-n", "3"]],
	// macOS has no flock(1); Perl is part of it.
	[
		"perl",
		["-MFcntl=:flock", "-e", 'open F, "+<&=3"; exit 0 if flock F, LOCK_EX | LOCK_NB; exit 1 if $!{EWOULDBLOCK}; warn $!; exit 2'],
	],
];

function flock(descriptor: number, path: string): boolean {
	for (const [program, args] of programs) {
		const { error, status, stderr } = spawnSync(program, args, {
			stdio: ["ignore", "ignore", "pipe", descriptor],
			env: onlyOf(["PATH"]),
			encoding: "utf8",
		});
		if (error && "code" in error && error.code === "ENOENT") continue;
		if (status === 0) return true;
		if (status === lockedByOther) return false;
		throw new EmbeddedError(`${path} cannot be locked: ${error?.message ?? stderr.trim().split("\n", 1)[0]}`);
	}
	throw new EmbeddedError(`${path} cannot be locked without flock (util-linux) or perl: install one, or set DATABASE_URL`);
}
