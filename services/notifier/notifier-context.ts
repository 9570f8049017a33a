import type { Logger, ServiceBroker } from "moleculer";
import type { Database } from "../../mixins/database.ts";
import type { MailChannel, PushChannel } from "./channels/channel.ts";
import type { Delays } from "./due/decide.ts";
import type { ContentShown } from "./templates/notice.ts";

/** What the functions of the notifier work with. */
export interface NotifierContext {
	broker: ServiceBroker;
	db: Database;
	logger: Logger;
	/** Epoch ms. All times that the notifier compares come from here, so that tests can set the clock. */
	now(): number;
	delays: Delays;
	shown: ContentShown;
	/** Where links lead, without a slash at the end. */
	appUrl: string;
	/** The sender of mails. */
	mailFrom: string;
	/** The open channels. One that is not configured is missing. */
	push: Partial<Record<"webpush" | "apns" | "fcm", PushChannel>>;
	mail: MailChannel | undefined;
}
