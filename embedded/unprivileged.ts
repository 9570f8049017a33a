import { spawnSync } from "node:child_process";
import { EmbeddedError } from "./error.ts";

/** An ordinary user that a program is run as. */
export interface Account {
	uid: number;
	gid: number;
}

/** Rewrites a program and its arguments into what has to be spawned instead. */
export type Wrap = (program: string, args: string[]) => [string, string[]];

/** nobody, nogroup: on every Linux, whether or not /etc/passwd names them. */
export const nobody: Account = { uid: 65534, gid: 65534 };

export const weAreRoot = process.getuid?.() === 0;

/**
 * Runs programs as `account` when we are root, and as they are when we are not. They keep the one right to pass folder
 * permissions, since the data folder may lie where only root can enter (/root is mode 700). no_setuid_fixup makes that right
 * count in access(2) too, by which PostgreSQL looks for its own binaries.
 * @throws {EmbeddedError} when root may not change users here; `instead` is the setting that does without
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
	throw new EmbeddedError(
		`setpriv, by which root runs programs as user ${uid}, failed (${why}): start as that user, or set ${instead}`,
	);
}
