import { spawnSync } from "node:child_process";
import { EmbeddedError } from "./error.ts";

/** The user that a program is run as. */
export interface Account {
	uid: number;
	gid: number;
}

/** Turns a program and its arguments into the program and arguments to spawn instead. */
export type Wrap = (program: string, args: string[]) => [string, string[]];

/** nobody and nogroup. Linux accepts these ids even if /etc/passwd has no such names. */
export const nobody: Account = { uid: 65534, gid: 65534 };

export const weAreRoot = process.getuid?.() === 0;

/**
 * Runs programs as `account` if this process is root, and unchanged otherwise. The programs keep one capability of root: to ignore
 * file permissions (dac_override), since the data folder may be in a folder that only root may enter (/root has mode 700).
 * no_setuid_fixup makes access(2) respect that capability too; PostgreSQL uses access(2) to find its binaries.
 * @throws {EmbeddedError} when root may not change the user here; `instead` is the setting that avoids this
 */
export function runAs({ uid, gid }: Account, instead: string): Wrap {
	if (!weAreRoot) return (program, args) => [program, args];
	const caps = "-all,+dac_override";
	const user = [`--reuid=${uid}`, `--regid=${gid}`, "--clear-groups"];
	const rights = [`--inh-caps=${caps}`, `--ambient-caps=${caps}`, "--securebits=+no_setuid_fixup"];
	const wrap: Wrap = (program, args) => ["setpriv", [...user, ...rights, "--", program, ...args]];
	const { status, error, stderr } = spawnSync(...wrap("/bin/sh", ["-c", ":"]), { encoding: "utf8", env: {} });
	if (status === 0) return wrap;
	const why = error?.message ?? stderr.trim().split("\n", 1)[0];
	throw new EmbeddedError(`setpriv could not run a program as user ${uid} (${why}): start as that user, or set ${instead}`);
}
