import type { Logger } from "moleculer";
import type { NodeConfig } from "../../../lib/config/config.ts";
import type { MailChannel } from "./channel.ts";
import { openSmtp } from "./email.ts";
import { openMailFolder } from "./mail-folder.ts";

type MailConfig = Pick<NodeConfig, "mailFolder"> & { notifications: Pick<NodeConfig["notifications"], "email"> };

/** The way that mails take: to a mail server, in an embedded start into a folder, or none (undefined), which the log says. */
export function openMailChannel(config: MailConfig, logger: Pick<Logger, "info">): MailChannel | undefined {
	const { smtpUrl } = config.notifications.email;
	if (smtpUrl) return openSmtp({ url: smtpUrl, from: senderOf(config) });
	if (config.mailFolder) return openMailFolder(config.mailFolder, senderOf(config), logger);
	logger.info("E-mail is off: SMTP_URL is not set.");
	return undefined;
}

/** `MAIL_FROM`. Without SMTP_URL it need not be set. */
export function senderOf({ notifications }: MailConfig): string {
	return notifications.email.from ?? "Parley <no-reply@localhost>";
}
