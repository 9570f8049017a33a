import { randomUUID } from "node:crypto";
import { chown, mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "moleculer";
import { createTransport } from "nodemailer";
import type { Mail, MailChannel } from "./channel.ts";
import { toMessage } from "./mail-message.ts";

/**
 * Writes mails into a folder, one file each, in place of sending them. The name of a file is the notification's id. A file is never
 * seen in part, and only its owner may read it.
 */
export function openMailFolder(folder: string, from: string, logger: Pick<Logger, "info">): MailChannel {
	const composer = createTransport({ streamTransport: true, buffer: true });

	async function write(mail: Mail): Promise<void> {
		const { message } = await composer.sendMail(toMessage(mail, from));
		await mkdir(folder, { recursive: true, mode: 0o700 });
		const path = join(folder, `${nameOf(mail)}.eml`);
		const draft = `${path}.${randomUUID()}`;
		try {
			await writeFile(draft, message as Buffer, { flag: "wx", mode: 0o600 });
			if (process.getuid?.() === 0) await giveToOwner(draft);
			await rename(draft, path);
		} finally {
			await rm(draft, { force: true });
		}
		logger.info(`SMTP_URL is not set: a mail was written to ${path}.`);
	}

	/** Root may have started Parley on the data folder of an ordinary user. */
	async function giveToOwner(file: string): Promise<void> {
		const { uid, gid } = await stat(folder);
		await chown(file, uid, gid);
	}

	return {
		async send(_to, mail) {
			try {
				await write(mail);
				return { kind: "accepted" };
			} catch (error) {
				return { kind: "failed", reason: (error as NodeJS.ErrnoException).code ?? (error as Error).name };
			}
		},
		async close() {},
	};
}

/** The part of the Message-ID before the host, without what cannot be in the name of a file. */
function nameOf({ messageId }: Mail): string {
	return messageId.replace(/^<|@.*$/g, "").replaceAll(/[^\w-]/g, "_");
}
