import { spawnSync } from "node:child_process";
import { closeSync, constants, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { EmbeddedError } from "./error.ts";
import { giveToOwner } from "./ownership.ts";

/** A lock that this process took, or who has it. */
export type Attempt = { descriptor: number; holder?: never } | { descriptor?: never; holder: string };

/**
 * Takes the lock of a file, which is made if there is none and must never be removed. The kernel keeps it for as long as the
 * descriptor, or one that a child process inherited from it, is open: however the processes end, and for other containers too.
 * @throws {EmbeddedError} when the file cannot be locked at all
 */
export function tryLock(path: string): Attempt {
	const descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
	try {
		giveToOwner(descriptor, path);
		if (!flock(descriptor, path)) {
			const holder = readFileSync(descriptor, "utf8").trim() || "which has just started";
			closeSync(descriptor);
			return { holder };
		}
		// For whoever is refused. A pid alone says nothing in another container.
		const mine = `process ${process.pid} on ${hostname()}, since ${new Date().toISOString()}\n`;
		ftruncateSync(descriptor);
		writeSync(descriptor, mine, 0);
		return { descriptor };
	} catch (error) {
		closeSync(descriptor);
		throw error;
	}
}

/** 1 is the answer of both for a file that somebody else has locked. */
const locked = 1;

/** Node has no flock(2). The lock belongs to the open file, so it stays ours when the program that took it for us has ended. */
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
			env: { PATH: process.env.PATH },
			encoding: "utf8",
		});
		if (error && "code" in error && error.code === "ENOENT") continue;
		if (status === 0) return true;
		if (status === locked) return false;
		throw new EmbeddedError(`${path} cannot be locked: ${error?.message ?? stderr.trim().split("\n", 1)[0]}`);
	}
	throw new EmbeddedError(`${path} cannot be locked without flock (util-linux) or perl: install one, or set DATABASE_URL`);
}
