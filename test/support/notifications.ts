import { createECDH, randomBytes, randomUUID } from "node:crypto";
import webPush from "web-push";
import { Database } from "../../mixins/database.ts";
import { unsubscribeToken } from "../../services/notifier/settings/unsubscribe.ts";
import { query } from "./database.ts";

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

/** A notification that was given up. Returns its id. */
export async function deadNotification(databaseUrl: string, userId: string): Promise<string> {
	const id = randomUUID();
	await query(
		databaseUrl,
		`insert into notifications (id, user_id, channel, conversation_ids, seqs, is_digest, state, attempts, last_error, message_at)
		values ($1, $2, 'email', array[gen_random_uuid()], '{1}', false, 'DEAD', 3, '550 5.7.1', now())`,
		[id, userId],
	);
	return id;
}
