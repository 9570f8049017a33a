import { randomBytes, randomUUID } from "node:crypto";
import { closeSync, existsSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { EmbeddedError } from "./error.ts";
import { giveToOwner, inOneLine } from "./ownership.ts";

/** The HS256 secret of an embedded start, as text. It is made once for each data folder. */
export function embeddedSecret(dataDir: string): string {
	return keptSecret(join(dataDir, "jwt.secret"));
}

/** 32 random bytes as base64url, kept in the file `path`. The first call makes them. Only the owner of the file may read it. */
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

/** Linking is atomic and never replaces a file. So if two processes do this at once, one succeeds and both read the same secret. */
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
