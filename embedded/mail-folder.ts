import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../lib/config/config.ts";
import { giveToOwner, inOneLine, openFolder } from "./ownership.ts";

/** Where mails are written for lack of a mail server; undefined if there is one, or if this process sends no mails. */
export function mailFolderOf({ dataDir, notifications, services }: Config): string | undefined {
	if (notifications.email.smtpUrl || !services.includes("notifier")) return undefined;
	const folder = join(openFolder(dataDir), "mail");
	try {
		mkdirSync(folder, { recursive: true, mode: 0o700 });
		const descriptor = openSync(folder, "r");
		giveToOwner(descriptor, folder);
		closeSync(descriptor);
	} catch (error) {
		throw inOneLine(error, folder);
	}
	return folder;
}
