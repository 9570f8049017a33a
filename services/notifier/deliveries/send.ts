import { createHash } from "node:crypto";
import type { Outcome } from "../channels/channel.ts";
import type { NotifierContext } from "../notifier-context.ts";
import { unsubscribeUrl } from "../settings/unsubscribe.ts";
import { mailOf } from "../templates/mail.ts";
import { countOf, shortOf } from "../templates/short.ts";
import type { Notification } from "./notifications.ts";
import type { Prepared } from "./prepare.ts";

/** The channel was turned off since the notification was made. */
const off: Outcome = { kind: "refused", reason: "CHANNEL_OFF" };

/** Makes one attempt. */
export async function send(context: NotifierContext, prepared: Prepared & { kind: "send" }): Promise<Outcome> {
	const { notification, notice, device, address, badge } = prepared;
	if (notification.channel === "email") {
		if (!context.mail || address === null) return off;
		const { shown, appUrl, mailFrom } = context;
		const link = await unsubscribeUrl(context.db, appUrl, notice.userId);
		return context.mail.send(null, mailOf(notice, { shown, appUrl, unsubscribeUrl: link, to: address, from: mailFrom }));
	}
	const channel = context.push[notification.channel];
	if (!channel || !device) return off;
	const newest = notice.isDigest && notice.conversations.length > 1 ? null : notice.conversations[0];
	return channel.send(device, {
		...{ kind: "NEW_MESSAGE", id: notification.id, collapseKey: collapseKeyOf(notification) },
		...shortOf(notice, context.shown),
		url: newest ? `${context.appUrl}/c/${newest.conversationId}` : `${context.appUrl}/`,
		conversationId: newest?.conversationId ?? null,
		seq: newest?.seq ?? null,
		count: countOf(notice),
		badge,
	});
}

/** Takes back what a device shows. */
export async function sendClearing(
	context: NotifierContext,
	{ notification, device, badge }: Prepared & { kind: "clear" },
): Promise<Outcome> {
	const channel = context.push[device.kind];
	if (!channel) return off;
	const [only, ...others] = notification.conversationIds;
	const conversationId = others.length === 0 ? (only ?? null) : null;
	return channel.send(device, {
		...{ kind: "CLEARED", id: notification.id, collapseKey: collapseKeyOf(notification), conversationId, badge },
	});
}

/** Devices show one notification for each conversation, and one digest. Push services see this key, so it names nothing. */
function collapseKeyOf({ userId, conversationIds: [first, ...others] }: Notification): string {
	const about = others.length === 0 ? String(first) : "digest";
	return createHash("sha256").update(`${userId} ${about}`).digest("base64url").slice(0, 32);
}
