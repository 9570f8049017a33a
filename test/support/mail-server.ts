import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type ParsedMail, simpleParser } from "mailparser";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";

export interface ReceivedMail {
	/** As it came. */
	raw: string;
	parsed: ParsedMail;
	/** Of the envelope. */
	from: string;
	to: string[];
	isEncrypted: boolean;
	user: string | undefined;
}

export interface MailServer {
	port: number;
	received: ReceivedMail[];
	/** The most connections that were open at a time. */
	readonly mostConnections: number;
	close(): Promise<void>;
}

interface MailServerOptions extends SMTPServerOptions {
	/** Called when a mail has been received, to answer now, later or never. By default at once. */
	onReceived?(mail: ReceivedMail, answer: () => void): void;
}

/** A real mail server that accepts every mail, and anybody who signs in as `user:pass word@`. */
export async function startMailServer({ onReceived, ...options }: MailServerOptions = {}): Promise<MailServer> {
	const received: ReceivedMail[] = [];
	let open = 0;
	let mostConnections = 0;
	const server = new SMTPServer({
		authOptional: true,
		disabledCommands: options.key ? [] : ["STARTTLS"],
		allowInsecureAuth: true,
		disableReverseLookup: true,
		closeTimeout: 100,
		onConnect(_session, callback) {
			mostConnections = Math.max(mostConnections, ++open);
			callback();
		},
		onClose() {
			open--;
		},
		onAuth({ username, password }, _session, callback) {
			if (username === "user" && password === "pass word@") callback(null, { user: username });
			else callback(new Error("Invalid username or password"));
		},
		onData(stream, session, callback) {
			const chunks: Buffer[] = [];
			stream.on("data", (chunk: Buffer) => chunks.push(chunk));
			stream.on("end", async () => {
				const raw = Buffer.concat(chunks).toString("latin1");
				const { mailFrom, rcptTo } = session.envelope;
				const mail: ReceivedMail = {
					raw,
					parsed: await simpleParser(Buffer.concat(chunks)),
					from: mailFrom ? mailFrom.address : "",
					to: rcptTo.map(({ address }) => address),
					isEncrypted: session.secure,
					user: session.user as string | undefined,
				};
				received.push(mail);
				if (onReceived) onReceived(mail, callback);
				else callback();
			});
		},
		...options,
	});
	server.on("error", () => {
		// A client that does not trust the certificate ends the connection.
	});
	await once(server.listen(0, "127.0.0.1"), "listening");
	return {
		port: (server.server.address() as AddressInfo).port,
		received,
		get mostConnections() {
			return mostConnections;
		},
		close: () => new Promise((resolve) => server.close(() => resolve())),
	};
}
