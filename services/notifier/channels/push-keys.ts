import { createECDH, createPrivateKey, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { z } from "zod";
import { isBase64url } from "../../../lib/base64url.ts";
import type { Config } from "../../../lib/config/config.ts";
import { ConfigError } from "../../../lib/config/config-error.ts";
import type { ApnsSettings } from "./apns.ts";
import type { FcmSettings } from "./fcm.ts";
import type { WebPushSettings } from "./web-push.ts";

type Settings = Config["notifications"];

/** What the channels need, for those that are configured. */
export interface PushKeys {
	webpush: WebPushSettings | undefined;
	fcm: FcmSettings | undefined;
	apns: ApnsSettings | undefined;
}

/**
 * Reads the keys that the settings name.
 * @throws {ConfigError} one line for all that cannot be used. It names the variables and shows nothing of the keys
 */
export function readPushKeys(settings: Settings): PushKeys {
	const problems: string[] = [];
	const read = <Keys>(from: (settings: Settings) => Keys): Keys | undefined => {
		try {
			return from(settings);
		} catch (error) {
			if (!(error instanceof ConfigError)) throw error;
			problems.push(error.message);
			return undefined;
		}
	};
	const keys = { webpush: read(webPushKeys), fcm: read(fcmKeys), apns: read(apnsKeys) };
	if (problems.length > 0) throw new ConfigError(problems.join("; "));
	return keys;
}

function webPushKeys({ webPush: { publicKey, privateKey, subject, allow } }: Settings): WebPushSettings | undefined {
	if (!publicKey || !privateKey || !subject) return undefined;
	if (!isBase64url(publicKey, 65)) throw new ConfigError("VAPID_PUBLIC_KEY must be 65 bytes as base64url without padding");
	if (!isBase64url(privateKey, 32)) throw new ConfigError("VAPID_PRIVATE_KEY must be 32 bytes as base64url without padding");
	if (vapidPublicKey(privateKey) !== publicKey) throw new ConfigError("VAPID_PRIVATE_KEY must be the key of VAPID_PUBLIC_KEY");
	return { vapid: { publicKey, privateKey, subject }, allow };
}

/** Undefined when 32 bytes are not a private key of the curve P-256. */
function vapidPublicKey(privateKey: string): string | undefined {
	const curve = createECDH("prime256v1");
	try {
		curve.setPrivateKey(privateKey, "base64url");
		return curve.getPublicKey("base64url");
	} catch {
		return undefined;
	}
}

function apnsKeys({ apns: { keyFile, keyId, teamId, topic, endpoint } }: Settings): ApnsSettings | undefined {
	if (!keyFile || !keyId || !teamId || !topic) return undefined;
	const key = readKeyFile("APNS_KEY_FILE", keyFile);
	if (privateKeyOf(key)?.asymmetricKeyDetails?.namedCurve !== "prime256v1")
		throw new ConfigError("APNS_KEY_FILE must name a file with a private key (.p8) of the curve P-256");
	return { endpoint, topic, keyId, teamId, key };
}

const serviceAccount = z.object({
	type: z.literal("service_account"),
	project_id: z.string().min(1),
	client_email: z.string().min(1),
	private_key_id: z.string().optional(),
	private_key: z.string(),
	token_uri: z.url({ protocol: /^https?$/ }),
});

function fcmKeys({ fcm: { credentialsFile, endpoint } }: Settings): FcmSettings | undefined {
	if (!credentialsFile) return undefined;
	const account = serviceAccount.safeParse(jsonOf(readKeyFile("FCM_CREDENTIALS_FILE", credentialsFile))).data;
	if (!account) throw new ConfigError("FCM_CREDENTIALS_FILE must name the JSON key of a Google service account");
	const privateKey = privateKeyOf(account.private_key);
	if (privateKey?.asymmetricKeyType !== "rsa")
		throw new ConfigError("FCM_CREDENTIALS_FILE must name a file whose private_key is an RSA key");
	return {
		endpoint,
		projectId: account.project_id,
		clientEmail: account.client_email,
		keyId: account.private_key_id,
		privateKey,
		tokenUri: account.token_uri,
	};
}

function readKeyFile(variable: string, path: string): string {
	try {
		return readFileSync(path, "utf8");
	} catch (error) {
		throw new ConfigError(`${variable} must name a file that can be read (${(error as NodeJS.ErrnoException).code})`);
	}
}

function jsonOf(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

function privateKeyOf(pem: string): KeyObject | undefined {
	try {
		return createPrivateKey(pem);
	} catch {
		return undefined;
	}
}
