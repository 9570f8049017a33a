import { writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { startFcmServer } from "../../support/fcm-server.ts";
import { type ReceivedMail, startMailServer } from "../../support/mail-server.ts";
import { textIn } from "./load.ts";

/** Something that a provider has accepted. */
export interface Accepted {
	channel: "fcm" | "email";
	/** The device's token, or the mail address. */
	to: string;
	/** The text of the newest message that it tells of. No two messages have the same. */
	text: string;
	/** The id of the notification. */
	id: string;
	/** By which a device or a mail program sees that two are one: the collapse key, or the Message-ID. */
	identity: string;
	/** The notifier process that sent it. */
	by: string;
}

/** The push service and the mail server of one notifier process, so that it is known who sent what. */
export interface Providers {
	/** Settings of the process. */
	env: Record<string, string>;
	stop(): Promise<void>;
}

/**
 * @param onAccepted gets what was accepted, and decides when its sender learns of that
 */
export async function startProviders(
	by: string,
	folder: string,
	onAccepted: (accepted: Accepted, answer: () => void) => void,
): Promise<Providers> {
	const mail = await startMailServer({
		onReceived: (received, answer) => onAccepted({ ...ofMail(received), by }, answer),
	});
	const fcm = await startFcmServer();
	fcm.answerWith((response) => onAccepted({ ...ofPush(fcm.messages.at(-1)), by }, () => accept(response)));
	const credentialsFile = join(folder, `fcm-of-${by}.json`);
	writeFileSync(credentialsFile, JSON.stringify(fcm.credentials));
	return {
		env: {
			FCM_CREDENTIALS_FILE: credentialsFile,
			FCM_ENDPOINT: fcm.endpoint,
			SMTP_URL: `smtp://127.0.0.1:${mail.port}`,
			MAIL_FROM: "Parley <no-reply@example.org>",
		},
		async stop() {
			await fcm.stop();
			await mail.close();
		},
	};
}

function accept(response: ServerResponse): void {
	response.writeHead(200, { "Content-Type": "application/json" }).end('{"name":"projects/parley-test/messages/1"}');
}

type Sent = Omit<Accepted, "by">;

function ofMail({ parsed, to: [to = ""] }: ReceivedMail): Sent {
	const { messageId = "", text = "" } = parsed;
	const id = /^<([\w-]+)@/.exec(messageId)?.[1] ?? "";
	return { channel: "email", to, text: textIn(text), id, identity: messageId };
}

interface FcmMessage {
	token: string;
	notification: { body: string };
	data: { id: string };
	android: { collapse_key: string };
}

function ofPush({ token, notification, data, android }: FcmMessage): Sent {
	return { channel: "fcm", to: token, text: textIn(notification.body), id: data.id, identity: android.collapse_key };
}
