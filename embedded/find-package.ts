import { createRequire } from "node:module";
import { EmbeddedError } from "./error.ts";

/**
 * The path of a development dependency that an embedded part needs.
 * @throws {EmbeddedError} when it is not installed; `setting` is the setting that replaces the embedded part
 */
export function findPackage(name: string, setting: string): string {
	try {
		return createRequire(import.meta.url).resolve(name);
	} catch (cause) {
		throw new EmbeddedError(`${name} is not installed: set ${setting}, or install the development dependencies`, { cause });
	}
}
