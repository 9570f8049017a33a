import type { WithDatabase } from "../../mixins/database.ts";
import { openMailChannel, senderOf } from "./channels/mail.ts";
import { openPushChannels } from "./channels/open-channels.ts";
import type { NotifierContext } from "./notifier-context.ts";

/** Opens the channels that are configured, and logs which are off. The notifier closes them. */
export async function openContext({
	broker,
	db,
	logger,
}: Pick<WithDatabase, "broker" | "db" | "logger">): Promise<NotifierContext> {
	const { config } = broker;
	const { delaySeconds, idleDelaySeconds, emailAfterPushSeconds, content } = config.notifications;
	return {
		...{ broker, db, logger, now: Date.now, shown: content, appUrl: config.appUrl, mailFrom: senderOf(config) },
		delays: {
			delayMs: delaySeconds * 1_000,
			idleDelayMs: idleDelaySeconds * 1_000,
			emailAfterPushMs: emailAfterPushSeconds * 1_000,
		},
		push: await openPushChannels(config, logger),
		mail: openMailChannel(config, logger),
	};
}
