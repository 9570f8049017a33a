/** What a program needs to run here and to find certificates. None of them is a secret. */
const harmless = [
	"PATH",
	"HOME",
	"TMPDIR",
	"TZ",
	"LANG",
	"LC_ALL",
	"LC_CTYPE",
	"LD_LIBRARY_PATH",
	"LD_PRELOAD",
	"MALLOC_ARENA_MAX",
	"NODE_EXTRA_CA_CERTS",
	"SSL_CERT_DIR",
	"SSL_CERT_FILE",
];

/**
 * The environment of a child process that works on files from users. Our own environment contains the keys of the bucket and the
 * tokens, and the passwords of the database and the bus. A list of what is allowed also keeps out settings that are added later.
 */
export function childEnv(): Record<string, string> {
	return onlyOf(harmless);
}

/** Those variables of our environment that have one of these names and are set. */
export function onlyOf(names: readonly string[]): Record<string, string> {
	return Object.fromEntries(
		names.flatMap((name) => {
			const value = process.env[name];
			return value === undefined ? [] : [[name, value]];
		}),
	);
}
