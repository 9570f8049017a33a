/** The environment cannot be used as it is. The message is one line, names every wrong variable and shows no value. */
export class ConfigError extends Error {
	override name = "ConfigError";
}
