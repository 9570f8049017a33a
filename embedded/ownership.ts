import { accessSync, constants, fchownSync, lstatSync, mkdirSync, readdirSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { EmbeddedError } from "./error.ts";
import { type Account, nobody, weAreRoot } from "./unprivileged.ts";

/** The files of Parley in a data folder. Other files are ignored: for example, `lost+found` on a new volume belongs to root. */
const entries = [
	"parley.lock",
	"postgres.lock",
	"postgres",
	"postgres.log",
	"postgres.password",
	"s3",
	"s3.secret",
	"jwt.secret",
	"mail",
	"vapid.secret",
];

/**
 * Makes a data folder if there is none, and returns its real path.
 * @throws {EmbeddedError} when this process's user may not use it
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
 * The ordinary user who owns the data of a folder, when this process is root. Then root gives its new files to that user and runs
 * programs as that user, so that both can use the folder one after the other. Undefined when the data belong to root, and when this
 * process is not root.
 */
export function ownerOf(folder: string): Account | undefined {
	if (!weAreRoot) return undefined;
	return [folder, join(folder, "postgres")].map(accountOf).find((account) => account && isOrdinary(account));
}

/** To be called for each new file of a data folder. If this process is root, the file goes to the owner of the folder (`ownerOf`). */
export function giveToOwner(descriptor: number, path: string): void {
	const owner = ownerOf(dirname(path));
	if (owner) fchownSync(descriptor, owner.uid, owner.gid);
}

/** Turns an error of the file system into one line that says what to do. Returns any other error unchanged. */
export function inOneLine(error: unknown, path: string): unknown {
	const { code = "", message } = error as NodeJS.ErrnoException;
	const self = `this process's user ${process.getuid?.()}`;
	if (code === "EACCES" || code === "EPERM")
		return new EmbeddedError(`${path} is closed to ${self}: ${remedy(path)}`, { cause: error });
	if (/^(EROFS|ENOSPC|ENOTDIR|EEXIST|ELOOP)$/.test(code)) {
		return new EmbeddedError(`${path} cannot be used (${message}): set another DATA_DIR`, { cause: error });
	}
	return error;
}

/** PostgreSQL refuses data of another user, and the S3 server cannot write into folders of another user. */
function refuseForeign(folder: string): void {
	const uid = process.getuid?.();
	const foreign = entries.map((entry) => firstForeign(join(folder, entry), uid)).find((path) => path !== undefined);
	if (foreign === undefined) return;
	throw new EmbeddedError(
		`${foreign} belongs to user ${accountOf(foreign)?.uid}, not to this process's user ${uid}: ${remedy(folder)}`,
	);
}

function remedy(path: string): string {
	return `start as the user who made it, or let root run chown -R ${process.getuid?.()}:${process.getgid?.()} on ${path}, or set another DATA_DIR`;
}

/** The path, or the first folder below it, that belongs to another user. PostgreSQL checks its own folder itself. */
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
