/** Whatever is not here may be a secret, or change what a program does. */
const names = ["PATH", "LANG", "TZ", "TMPDIR"];

/** The environment for a program that needs none of our settings. */
export function plainEnvironment(): NodeJS.ProcessEnv {
	return Object.fromEntries(names.filter((name) => process.env[name] !== undefined).map((name) => [name, process.env[name]]));
}
