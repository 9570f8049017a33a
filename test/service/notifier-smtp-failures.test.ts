import { freePort } from "../../embedded/free-port.ts";
import type { MailChannel } from "../../services/notifier/channels/channel.ts";
import { openSmtp } from "../../services/notifier/channels/email.ts";
import { mailOf } from "../../services/notifier/templates/mail.ts";
import { until } from "../../testing/until.ts";
import { mailOptions, notice } from "../support/notices.ts";
import { type ScriptedSmtp, type SmtpReply, type SmtpStep, startScriptedSmtp } from "../support/scripted-smtp.ts";

const { from } = mailOptions;
const timeouts = { connect: 1_000, greeting: 300, silence: 300, attempt: 1_500 };

let server: ScriptedSmtp;
let channel: MailChannel;

beforeEach(async () => {
	server = await startScriptedSmtp();
	channel = openSmtp({ url: server.url, from, timeouts });
});

afterEach(async () => {
	await channel.close();
	await server.close();
});

const send = () => channel.send(null, mailOf(notice(), mailOptions));

/** What the server says, and what becomes of the mail. */
type Row = [step: SmtpStep, reply: SmtpReply, kind: "gone" | "refused" | "failed", reason: string];

const answers: Row[] = [
	["RCPT", "550 5.1.1 <bob@example.org>: no such user", "gone", "550 5.1.1"],
	["RCPT", "550-5.1.1 The account of bob@example.org\r\n550 5.1.1 does not exist", "gone", "550 5.1.1"],
	["RCPT", "550 No such user bob@example.org", "gone", "550"],
	["RCPT", "551 User not local", "gone", "551"],
	["RCPT", "553 Mailbox name not allowed", "gone", "553"],
	["RCPT", "550 5.1.10 Null MX", "gone", "550 5.1.10"],
	["RCPT", "550 5.2.1 Mailbox disabled", "gone", "550 5.2.1"],
	["RCPT", "550 5.5.0 Requested action not taken: mailbox unavailable", "gone", "550 5.5.0"],
	["END", "550 5.1.1 bob@example.org unknown", "gone", "550 5.1.1"],

	["RCPT", "550 5.7.1 Client host blocked", "refused", "550 5.7.1"],
	["RCPT", "550 5.4.1 Recipient address rejected: access denied", "refused", "550 5.4.1"],
	["RCPT", "552 5.2.2 Mailbox full", "refused", "552 5.2.2"],
	["RCPT", "552 Mailbox full", "refused", "552"],
	["RCPT", "553 5.1.8 Sender's domain does not exist", "refused", "553 5.1.8"],
	["RCPT", "554 5.7.1 Relay access denied", "refused", "554 5.7.1"],
	["MAIL", "550 Sender rejected", "refused", "550"],
	["MAIL", "530 5.7.0 Authentication required", "refused", "530 5.7.0"],
	["DATA", "554 No valid recipients", "refused", "554"],
	["END", "550 Rejected as spam", "refused", "550"],
	["END", "552 5.3.4 Too big", "refused", "552 5.3.4"],

	["RCPT", "450 4.2.0 Greylisted", "failed", "450 4.2.0"],
	["RCPT", "452 4.2.2 Mailbox full", "failed", "452 4.2.2"],
	["RCPT", "421 4.7.0 Too many connections", "failed", "421 4.7.0"],
	["MAIL", "451 4.3.0 Try again", "failed", "451 4.3.0"],
	["DATA", "451 Try again", "failed", "451"],
	["END", "451 4.7.1 Try again", "failed", "451 4.7.1"],
	["GREETING", "554 No SMTP service here", "failed", "554"],
	["GREETING", "421 Shutting down", "failed", "421"],

	["GREETING", "silence", "failed", "ETIMEDOUT"],
	["EHLO", "silence", "failed", "ETIMEDOUT"],
	["RCPT", "silence", "failed", "ETIMEDOUT"],
	["DATA", "silence", "failed", "ETIMEDOUT"],
	["END", "silence", "failed", "ETIMEDOUT"],
	["RCPT", "trickle", "failed", "ETIMEDOUT"],
	["GREETING", "close", "failed", "ECONNECTION"],
	["DATA", "close", "failed", "ECONNECTION"],
	["END", "close", "failed", "ECONNECTION"],
];

test.each(answers)("%s: %s → %s", async (step, reply, kind, reason) => {
	server.script[step] = reply;
	expect(await send()).toEqual({ kind, reason });
	// A connection that only got a refusal is used again.
	if (kind === "failed" && !/^4[25]/.test(reply)) await until(() => server.connections === 0);

	delete server.script[step];
	expect(await send()).toEqual({ kind: "accepted" });
});

describe("with a password", () => {
	const withPassword = (url: string) => url.replace("//", "//user:pass%20word%40@");

	beforeEach(async () => {
		await channel.close();
		channel = openSmtp({ url: withPassword(server.url), from, timeouts });
	});

	test.each([
		["535 5.7.8 Bad credentials", "refused", "535 5.7.8"],
		["454 4.7.0 Temporary failure", "failed", "454 4.7.0"],
	])("AUTH: %s → %s", async (reply, kind, reason) => {
		server.script.AUTH = reply;
		expect(await send()).toEqual({ kind, reason });
		delete server.script.AUTH;
		expect(await send()).toEqual({ kind: "accepted" });
	});

	test("a server on another machine does not get it without TLS", async () => {
		// 0.0.0.0 leads to this machine too, but is not one of its names.
		const other = await startScriptedSmtp("0.0.0.0");
		const remote = openSmtp({ url: withPassword(other.url), from, timeouts });
		const outcome = await remote.send(null, mailOf(notice(), mailOptions));
		await remote.close();
		await other.close();
		expect(outcome).toMatchObject({ kind: "failed" });
		expect(other.commands.filter((line) => /^(?:AUTH|MAIL)/.test(line))).toEqual([]);
	});
});

test("a server that is down is a failure", async () => {
	const down = openSmtp({ url: `smtp://127.0.0.1:${await freePort()}`, from, timeouts });
	expect(await down.send(null, mailOf(notice(), mailOptions))).toMatchObject({
		kind: "failed",
		reason: /^E(?:SOCKET|CONNECTION)$/,
	});
	await down.close();
});

test("a connection that the server ended while it was idle is replaced", async () => {
	expect(await send()).toEqual({ kind: "accepted" });
	server.script.MAIL = "421 4.4.2 Idle for too long";
	const sent = send();
	await until(() => server.commands.filter((line) => line.startsWith("MAIL")).length > 1);
	delete server.script.MAIL;
	expect(await sent).toEqual({ kind: "accepted" });
});

test("mails that wait for a connection end in time, and are not sent later", async () => {
	server.script.RCPT = "trickle";
	await channel.close();
	channel = openSmtp({ url: server.url, from, timeouts, maxConnections: 1 });
	const outcomes = await Promise.all([send(), send(), send()]);
	expect(outcomes).toEqual(Array(3).fill({ kind: "failed", reason: "ETIMEDOUT" }));
	await until(() => server.connections === 0);

	server.script = {};
	expect(await send()).toEqual({ kind: "accepted" });
	expect(server.commands.filter((line) => line === "DATA")).toHaveLength(1);
});

test("close breaks off the mail that is being sent, so that a silent server does not hold up a shutdown", async () => {
	server.script.END = "silence";
	await channel.close();
	channel = openSmtp({ url: server.url, from });
	const sent = send();
	await until(() => server.commands.includes("DATA"));
	await channel.close();
	expect(await sent).toEqual({ kind: "failed", reason: "the node stopped" });
	await until(() => server.connections === 0);
});
