import { createECDH, randomBytes } from "node:crypto";
import webPush from "web-push";
import { Database } from "../../mixins/database.ts";
import { unsubscribeToken } from "../../services/notifier/unsubscribe.ts";

const vapid = webPush.generateVAPIDKeys();

/** Settings with which web push is on. */
export const webPushEnv = {
	VAPID_PUBLIC_KEY: vapid.publicKey,
	VAPID_PRIVATE_KEY: vapid.privateKey,
	VAPID_SUBJECT: "mailto:ops@example.org",
};

/** What a browser gives that subscribes at this push service. */
export function subscriptionAt(endpoint: string) {
	const p256dh = createECDH("prime256v1").generateKeys("base64url");
	return { endpoint, expirationTime: null, keys: { p256dh, auth: randomBytes(16).toString("base64url") } };
}

/** The token of the link in a mail to this person. */
export async function tokenOfMailTo(userId: string, databaseUrl: string): Promise<string> {
	const db = new Database(databaseUrl, () => {});
	try {
		return await unsubscribeToken(db, userId);
	} finally {
		await db.close();
	}
}
