import { randomBytes, randomUUID } from "node:crypto";
import { closeSync, existsSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { EmbeddedError } from "./error.ts";
import { giveToOwner, inOneLine } from "./ownership.ts";

/** The HS256 secret of an embedded start, as text: made once for each data folder. */
export function embeddedSecret(dataDir: string): string {
	return keptSecret(join(dataDir, "jwt.secret"));
}

/** 32 random bytes as base64url, made by whoever asks first and kept in `path`, which only its owner may read. */
export function keptSecret(path: string): string {
	const secret = readOrMake(path);
	if (secret.length < 32)
		throw new EmbeddedError(`${path} is damaged: put it back from a copy, or delete it to have a new one made`);
	return secret;
}

function readOrMake(path: string): string {
	try {
		if (!existsSync(path)) make(path);
		return readFileSync(path, "utf8").trim();
	} catch (error) {
		throw inOneLine(error, path);
	}
}

/** A link appears at once and whole and never replaces one, so that of two processes one wins and both read the same. */
function make(path: string): void {
	mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
	const draft = `${path}.${randomUUID()}`;
	try {
		const descriptor = openSync(draft, "wx", 0o600);
		writeSync(descriptor, randomBytes(32).toString("base64url"));
		giveToOwner(descriptor, path);
		fsyncSync(descriptor);
		closeSync(descriptor);
		linkSync(draft, path);
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
	} finally {
		rmSync(draft, { force: true });
	}
}
