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
 * How a node connects to NATS. It tries to reconnect for as long as it runs. Missed pings show a dead connection within 3 to 4.5 s:
 * earlier than the time after which other nodes count as lost.
 * @throws {ConfigError} when the credentials file cannot be used
 */
export function natsOptions({ natsUrl = "", natsCredentialsFile }: NatsSettings): ConnectionOptions {
	const urls = natsUrl.split(",").map((url) => new URL(url.trim()));
	const login = urls.find(({ username }) => username !== "");
	return {
		servers: urls.map(({ host }) => host),
		// One tls:// demands TLS for all servers.
		...(urls.some(({ protocol }) => protocol === "tls:") && { tls: {} }),
		authenticator: [
			...(login ? [authenticatorOf(login)] : []),
			...(natsCredentialsFile === undefined ? [] : [fromFile(natsCredentialsFile)]),
		],
		pingInterval: 1_500,
		maxPingOut: 2,
		timeout: 2_000,
		maxReconnectAttempts: -1,
		// By default, nats.js gives up when a server refuses the login twice. Changing the users of a server must not end a node.
		ignoreAuthErrorAbort: true,
		reconnectTimeWait: 250,
		reconnectJitter: 250,
		reconnectJitterTLS: 250,
	};
}

/** As functions, so that printed options do not show the login. A user without a password is a token. */
function authenticatorOf({ username, password }: URL): Authenticator {
	const [user, secret] = [decodeURIComponent(username), decodeURIComponent(password)];
	return secret === "" ? tokenAuthenticator(user) : usernamePasswordAuthenticator(user, secret);
}

/** Reads the file again for each connection, so that credentials can be rotated. While it cannot be read, the last ones are used. */
function fromFile(path: string): Authenticator {
	let bytes = readCredentials(path);
	return credsAuthenticator(() => {
		try {
			bytes = readCredentials(path);
		} catch {
			// The file is being replaced.
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
