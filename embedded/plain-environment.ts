import { onlyOf } from "../lib/child-env.ts";

/** Any other variable may be a secret, or may change what a program does. */
const names = ["PATH", "LANG", "TZ", "TMPDIR"];

/** The environment for a program that needs none of our settings. */
export function plainEnvironment(): NodeJS.ProcessEnv {
	return onlyOf(names);
}
