import { execFile } from "node:child_process";
import { accessSync, constants, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { EmbeddedError } from "../embedded/error.ts";
import { lockFolder } from "../embedded/folder-lock.ts";
import { weAreRoot } from "../embedded/unprivileged.ts";
import { until } from "./until.ts";

/** Folders with server programs that an ordinary user's PATH lacks. */
const serverFolders = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin"];

const installMs = 180_000;

/**
 * The path of a server program. If it is missing and this process may do so, it installs Debian's package of the same name.
 * @throws an error whose message is one line that says what to install
 */
export async function findProgram(name: string): Promise<string> {
	const found = lookFor(name) ?? (await install(name));
	if (found) return found;
	throw new Error(`${name} is not installed: install it (Debian, Ubuntu: apt-get install ${name}; macOS: brew install ${name})`);
}

function lookFor(name: string): string | undefined {
	return [...(process.env.PATH ?? "").split(delimiter), ...serverFolders].map((folder) => join(folder, name)).find(isProgram);
}

function isProgram(path: string): boolean {
	try {
		accessSync(path, constants.X_OK);
		return true;
	} catch {
		return false;
	}
}

/** Several test processes may need a program at once. One installs it; the others wait and then find it. */
async function install(name: string): Promise<string | undefined> {
	if (!weAreRoot || !lookFor("apt-get")) return undefined;
	const folder = join(tmpdir(), "parley-apt");
	mkdirSync(folder, { recursive: true });
	const unlock = await until(() => tryLock(folder), { timeoutMs: 2 * installMs, intervalMs: 200 });
	try {
		const present = lookFor(name);
		if (present) return present;
		process.stderr.write(`Installing Debian's package ${name} …\n`);
		await aptGet("update");
		await aptGet("install", "--yes", "--no-install-recommends", name);
		return lookFor(name);
	} catch (cause) {
		const said = (cause as { stderr?: string }).stderr?.trim().split("\n").at(-1);
		throw new Error(`${name} is not installed, and apt-get could not install it: ${said ?? cause}`, { cause });
	} finally {
		unlock();
	}
}

function tryLock(folder: string): (() => void) | undefined {
	try {
		return lockFolder(folder);
	} catch (error) {
		if (error instanceof EmbeddedError) return undefined;
		throw error;
	}
}

async function aptGet(...args: string[]): Promise<void> {
	// RUNLEVEL=1: the package must not start a server of its own on the standard port.
	const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
	await promisify(execFile)("apt-get", [...args], { env, timeout: installMs });
}
