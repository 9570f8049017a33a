import { createTransport } from "nodemailer";
import { attemptTimeoutMs, type Mail, type MailChannel, type Outcome } from "./channel.ts";
import { toMessage } from "./mail-message.ts";
import { outcomeOf } from "./smtp-outcome.ts";

export interface SmtpOptions {
	/** `SMTP_URL`. */
	url: string;
	/** `MAIL_FROM`. */
	from: string;
	maxConnections?: number;
	timeouts?: Timeouts;
	/** A CA that Node does not know. */
	ca?: string;
}

/** In milliseconds. */
export interface Timeouts {
	/** Until the connection is there, with the look-up of its name. */
	connect: number;
	/** Until the server greets. */
	greeting: number;
	/** How long the server may be silent after that. */
	silence: number;
	/** The whole attempt, with the wait for a free connection. */
	attempt: number;
}

/** The steps together may take longer than the attempt may: then it is ended too, with its connection. */
const defaultTimeouts: Timeouts = { connect: 5_000, greeting: 5_000, silence: 10_000, attempt: attemptTimeoutMs - 2_000 };

/** Three nodes together stay below what Postfix allows one client by default (50). */
const defaultConnections = 15;

/**
 * Sends mails over a pool of connections to one mail server. nodemailer speaks the protocol: it upgrades to TLS where the server
 * offers that, and checks its certificate.
 */
export function openSmtp({
	url,
	from,
	maxConnections = defaultConnections,
	timeouts = defaultTimeouts,
	ca,
}: SmtpOptions): MailChannel {
	const transport = createTransport({
		pool: true,
		...serverOf(url, ca),
		maxConnections,
		// A connection that the server ended while it was idle is replaced once.
		maxRequeues: 1,
		connectionTimeout: timeouts.connect,
		dnsTimeout: timeouts.connect,
		greetingTimeout: timeouts.greeting,
		socketTimeout: timeouts.silence,
		socketCloseTimeout: 1_000,
		...noFiles,
	});
	/** What is being sent. */
	const sending = new Set<Promise<Outcome>>();
	const closing = new AbortController();

	async function attempt(mail: Mail): Promise<Outcome> {
		// An attempt that is given up also closes its connection, so that the mail is not sent later.
		const signal = AbortSignal.any([AbortSignal.timeout(timeouts.attempt), closing.signal]);
		try {
			await transport.sendMail({ ...toMessage(mail, from), signal });
			return { kind: "accepted" };
		} catch (error) {
			if (closing.signal.aborted) return { kind: "failed", reason: "the node stopped" };
			return signal.aborted ? { kind: "failed", reason: "ETIMEDOUT" } : outcomeOf(error as Error);
		}
	}

	return {
		async send(_to, mail) {
			const outcome = attempt(mail);
			sending.add(outcome);
			return outcome.finally(() => sending.delete(outcome));
		},
		async close() {
			closing.abort();
			transport.close();
			await Promise.all(sending);
		},
	};
}

/** A mail is made of what is given, and never of a file or a URL that its content names. */
const noFiles = { disableFileAccess: true, disableUrlAccess: true };

/**
 * With a password, TLS is required: somebody in between could else hide that the server offers it, and read the password. A server
 * on this machine has nobody in between, and often a certificate that it made itself.
 */
function serverOf(url: string, ca: string | undefined) {
	const { protocol, hostname, port, username, password } = new URL(url);
	const host = hostname.replace(/^\[|\]$/g, "");
	const secure = protocol === "smtps:";
	const isLocal = /^(?:localhost|127(?:\.\d+){3}|::1)$/.test(host);
	return {
		host,
		port: Number(port) || (secure ? 465 : 587),
		secure,
		requireTLS: username !== "" && !isLocal,
		tls: { rejectUnauthorized: !isLocal, ...(ca && { ca }) },
		...(username !== "" && { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } }),
	};
}
