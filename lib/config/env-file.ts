import { existsSync, readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import { ConfigError } from "./config-error.ts";

/**
 * The lines of an environment file; none when there is no `.env` and no other path is given.
 * @throws {ConfigError} when the file cannot be read
 */
export function readEnvFile(path: string | undefined): NodeJS.Dict<string> {
	if (!path && !existsSync(".env")) return {};
	try {
		// Editors on Windows begin a file with a byte order mark, which would become part of the first name.
		return parseEnv(readFileSync(path || ".env", "utf8").replace(/^\uFEFF/, ""));
	} catch (cause) {
		throw new ConfigError(`${path ? `ENV_FILE names ${path}, which` : ".env"} cannot be read`, { cause });
	}
}
