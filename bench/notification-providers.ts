import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { SMTPServer } from "smtp-server";
import { makeServiceAccount } from "../testing/service-account.ts";

/** A push service and a mail server that accept everything, each after the same time. */
export interface Providers {
	/** Settings of a notifier that uses them. */
	env: Record<string, string>;
	accepted: number;
	stop(): Promise<void>;
}

/** `folder` is for the key of the push service. */
export async function startProviders(folder: string, answerMs: number): Promise<Providers> {
	const providers: Providers = { env: {}, accepted: 0, stop: async () => {} };
	const accept = (answer: () => void) => {
		providers.accepted++;
		setTimeout(answer, answerMs);
	};

	const push = createServer(async (request, response) => {
		await text(request);
		const answer = (body: object) => response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(body));
		if (request.url === "/token") answer({ access_token: "token", expires_in: 3_599, token_type: "Bearer" });
		else accept(() => answer({ name: "projects/parley-bench/messages/1" }));
	});
	await once(push.listen(0, "127.0.0.1"), "listening");
	const endpoint = `http://127.0.0.1:${(push.address() as AddressInfo).port}`;

	const mail = new SMTPServer({
		authOptional: true,
		disabledCommands: ["STARTTLS"],
		disableReverseLookup: true,
		onData(stream, _session, callback) {
			stream.resume().on("end", () => accept(callback));
		},
	});
	await once(mail.listen(0, "127.0.0.1"), "listening");

	const credentialsFile = join(folder, "fcm.json");
	const { credentials } = makeServiceAccount("parley-bench", `${endpoint}/token`);
	writeFileSync(credentialsFile, JSON.stringify(credentials));
	providers.env = {
		FCM_CREDENTIALS_FILE: credentialsFile,
		FCM_ENDPOINT: endpoint,
		SMTP_URL: `smtp://127.0.0.1:${(mail.server.address() as AddressInfo).port}`,
		MAIL_FROM: "Parley <no-reply@example.org>",
	};
	providers.stop = async () => {
		push.closeAllConnections();
		push.close();
		await new Promise<void>((resolve) => mail.close(() => resolve()));
	};
	return providers;
}
