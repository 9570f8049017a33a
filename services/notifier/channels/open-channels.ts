import type { Logger } from "moleculer";
import type { Config } from "../../../lib/config/config.ts";
import { openApns } from "./apns.ts";
import type { Device, PushChannel } from "./channel.ts";
import { openFcm } from "./fcm.ts";
import { readPushKeys } from "./push-keys.ts";
import { openWebPush } from "./web-push.ts";

export type PushChannels = Partial<Record<Device["kind"], PushChannel>>;

/**
 * Opens the channels whose settings are set, and logs which are off.
 * @throws {ConfigError} when a key cannot be used
 */
export async function openPushChannels(
	{ notifications }: Pick<Config, "notifications">,
	logger: Pick<Logger, "info">,
): Promise<PushChannels> {
	const { webpush, fcm, apns } = readPushKeys(notifications);
	const channels: PushChannels = {
		...(webpush && { webpush: openWebPush(webpush) }),
		...(fcm && { fcm: openFcm(fcm) }),
		...(apns && { apns: openApns(apns) }),
	};
	const off = kinds.filter((kind) => !channels[kind]).map((kind) => `${kind} (${switches[kind]})`);
	if (off.length > 0) logger.info(`Pushes are off for ${off.join(", ")}: the settings in brackets turn them on.`);
	return channels;
}

/** Whether a push can be taken away from a device of this kind by a `PushClearing`. Browsers allow nothing like that. */
export function canClear(kind: Device["kind"]): boolean {
	return kind !== "webpush";
}

const kinds = ["webpush", "fcm", "apns"] as const;

const switches: Record<Device["kind"], string> = {
	webpush: "VAPID_PUBLIC_KEY, VAPID_PRIVATE_KEY, VAPID_SUBJECT",
	fcm: "FCM_CREDENTIALS_FILE",
	apns: "APNS_KEY_FILE, APNS_KEY_ID, APNS_TEAM_ID, APNS_TOPIC",
};
