import { createRequire } from "node:module";
import { EmbeddedError } from "./error.ts";

/**
 * The path of a development dependency, by which a part is embedded.
 * @throws {EmbeddedError} when it is not installed; `setting` names what is used instead
 */
export function findPackage(name: string, setting: string): string {
	try {
		return createRequire(import.meta.url).resolve(name);
	} catch (cause) {
		throw new EmbeddedError(`${name} is not installed: set ${setting}, or install the development dependencies`, { cause });
	}
}
