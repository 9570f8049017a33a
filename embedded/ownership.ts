import { accessSync, constants, fchownSync, lstatSync, mkdirSync, readdirSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { EmbeddedError } from "./error.ts";
import { type Account, nobody, weAreRoot } from "./unprivileged.ts";

/** What Parley puts into a data folder. Other entries are not looked at: `lost+found` is root's on every new volume. */
const entries = [
	"parley.lock",
	"postgres.lock",
	"postgres",
	"postgres.log",
	"postgres.password",
	"s3",
	"s3.secret",
	"jwt.secret",
];

/**
 * Makes a data folder if there is none, and gives its real path.
 * @throws {EmbeddedError} when this user cannot work in it
 */
export function openFolder(dataDir: string): string {
	try {
		mkdirSync(dataDir, { recursive: true, mode: 0o700 });
		const folder = realpathSync(dataDir);
		accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
		if (!weAreRoot) refuseForeign(folder);
		return folder;
	} catch (error) {
		throw inOneLine(error, dataDir);
	}
}

/**
 * The ordinary user whose data a folder holds, for whom root then works, so that both may take turns: files that root makes are
 * given to that user, and programs run as that user. Undefined when it is root's own, and when we are not root.
 */
export function ownerOf(folder: string): Account | undefined {
	if (!weAreRoot) return undefined;
	return [folder, join(folder, "postgres")].map(accountOf).find((account) => account && isOrdinary(account));
}

/** To be called for a file of a data folder that has just been opened: root gives it to the one it works for. */
export function giveToOwner(descriptor: number, path: string): void {
	const owner = ownerOf(dirname(path));
	if (owner) fchownSync(descriptor, owner.uid, owner.gid);
}

/** A file system's refusal as a line that says what to do; any other error as it is. */
export function inOneLine(error: unknown, path: string): unknown {
	const { code = "", message } = error as NodeJS.ErrnoException;
	const us = `this process's user ${process.getuid?.()}`;
	if (code === "EACCES" || code === "EPERM")
		return new EmbeddedError(`${path} is closed to ${us}: ${remedy(path)}`, { cause: error });
	if (/^(EROFS|ENOSPC|ENOTDIR|EEXIST|ELOOP)$/.test(code)) {
		return new EmbeddedError(`${path} cannot be used (${message}): set another DATA_DIR`, { cause: error });
	}
	return error;
}

/** By who owns it: PostgreSQL refuses another user's data, and the S3 server could not write into another user's folders. */
function refuseForeign(folder: string): void {
	const uid = process.getuid?.();
	const foreign = entries.map((entry) => firstForeign(join(folder, entry), uid)).find((path) => path !== undefined);
	if (foreign === undefined) return;
	throw new EmbeddedError(
		`${foreign} belongs to user ${accountOf(foreign)?.uid}, not to this process's user ${uid}: ${remedy(folder)}`,
	);
}

function remedy(path: string): string {
	const { uid, gid } = { uid: process.getuid?.(), gid: process.getgid?.() };
	return `start as the user who made it, or let root run chown -R ${uid}:${gid} on ${path}, or set another DATA_DIR`;
}

/** The path itself or a folder below it. PostgreSQL looks into its own folder by itself. */
function firstForeign(path: string, uid: number | undefined): string | undefined {
	const account = accountOf(path);
	if (!account) return undefined;
	if (account.uid !== uid) return path;
	return path.endsWith("postgres") || !account.isFolder
		? undefined
		: readdirSync(path, { withFileTypes: true })
				.filter((entry) => entry.isDirectory())
				.map(({ name }) => firstForeign(join(path, name), uid))
				.find((found) => found !== undefined);
}

function accountOf(path: string): (Account & { isFolder: boolean }) | undefined {
	const stat = lstatSync(path, { throwIfNoEntry: false });
	return stat && { uid: stat.uid, gid: stat.gid, isFolder: stat.isDirectory() };
}

function isOrdinary({ uid }: Account): boolean {
	return uid !== 0 && uid !== nobody.uid;
}
