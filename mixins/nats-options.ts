import { readFileSync } from "node:fs";
import {
	type Authenticator,
	type ConnectionOptions,
	credsAuthenticator,
	tokenAuthenticator,
	usernamePasswordAuthenticator,
} from "nats";
import type { Config } from "../lib/config/config.ts";
import { ConfigError } from "../lib/config/config-error.ts";

export type NatsSettings = Pick<Config, "natsUrl" | "natsCredentialsFile">;

/**
 * How a node reaches NATS, and keeps reaching it: it looks for a server as long as it lives. A silent connection is noticed by
 * its pings within 3 to 4.5 s, before the nodes behind it count as silent, and another one is made.
 * @throws {ConfigError} when the credentials file is none
 */
export function natsOptions({ natsUrl = "", natsCredentialsFile }: NatsSettings): ConnectionOptions {
	const urls = natsUrl.split(",").map((url) => new URL(url.trim()));
	const login = urls.find(({ username }) => username !== "");
	return {
		servers: urls.map(({ host }) => host),
		// One tls:// is enough: nobody means the others to be readable.
		...(urls.some(({ protocol }) => protocol === "tls:") && { tls: {} }),
		authenticator: [
			...(login ? [authenticatorOf(login)] : []),
			...(natsCredentialsFile === undefined ? [] : [fromFile(natsCredentialsFile)]),
		],
		pingInterval: 1_500,
		maxPingOut: 2,
		timeout: 2_000,
		maxReconnectAttempts: -1,
		// By default the same refusal twice ends it for good: a server whose users are being changed must not end a node.
		ignoreAuthErrorAbort: true,
		reconnectTimeWait: 250,
		reconnectJitter: 250,
		reconnectJitterTLS: 250,
	};
}

/** In functions, so that nobody who prints the options sees what is in the URL. NATS takes a user without a password for a token. */
function authenticatorOf({ username, password }: URL): Authenticator {
	const [user, secret] = [decodeURIComponent(username), decodeURIComponent(password)];
	return secret === "" ? tokenAuthenticator(user) : usernamePasswordAuthenticator(user, secret);
}

/** Read anew for each connection: whoever rotates credentials replaces the file. While it cannot be read, the last one counts. */
function fromFile(path: string): Authenticator {
	let bytes = readCredentials(path);
	return credsAuthenticator(() => {
		try {
			bytes = readCredentials(path);
		} catch {
			// It is being replaced.
		}
		return bytes;
	});
}

function readCredentials(path: string): Uint8Array {
	try {
		const bytes = readFileSync(path);
		credsAuthenticator(bytes)("nonce");
		return bytes;
	} catch (cause) {
		const code = (cause as NodeJS.ErrnoException).code ?? "it is not one";
		throw new ConfigError(`NATS_CREDENTIALS_FILE must be a credentials file of NATS that can be read (${code})`, { cause });
	}
}
