import { createECDH } from "node:crypto";
import { join } from "node:path";
import type { Config } from "../lib/config/config.ts";
import { EmbeddedError } from "./error.ts";
import { keptSecret } from "./secret.ts";

/**
 * The VAPID keys of an embedded start. They are made once for each data folder: a browser's subscription is for one public key. Any
 * 32 random bytes are a private key of the curve P-256, except for 1 in 4 billion.
 */
export function embeddedVapid({ dataDir, appUrl }: Pick<Config, "dataDir" | "appUrl">) {
	const path = join(dataDir, "vapid.secret");
	const privateKey = keptSecret(path);
	const curve = createECDH("prime256v1");
	try {
		curve.setPrivateKey(privateKey, "base64url");
	} catch {
		throw new EmbeddedError(`${path} is damaged: put it back from a copy, or delete it to have a new one made`);
	}
	const subject = appUrl.startsWith("https://") ? appUrl : "mailto:parley@localhost";
	return { publicKey: curve.getPublicKey("base64url"), privateKey, subject };
}
