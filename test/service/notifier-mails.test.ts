import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { simpleParser } from "mailparser";
import { readConfig } from "../../lib/config/config.ts";
import type { Mail } from "../../services/notifier/channels/channel.ts";
import { openSmtp } from "../../services/notifier/channels/email.ts";
import { openMailChannel } from "../../services/notifier/channels/mail.ts";
import { mailOf } from "../../services/notifier/templates/mail.ts";
import type { Notice } from "../../services/notifier/templates/notice.ts";
import { type MailServer, type ReceivedMail, startMailServer } from "../support/mail-server.ts";
import { conversation, mailOptions, notice } from "../support/notices.ts";
import { useStarted } from "../support/use-started.ts";

const naughtyStrings: string[] = JSON.parse(readFileSync("test/data/blns.json", "utf8"));

const { from } = mailOptions;
const server: MailServer = useStarted(startMailServer, (started) => started.close());
const channel = useStarted(
	async () => openSmtp({ url: `smtp://127.0.0.1:${server.port}`, from, maxConnections: 2 }),
	(started) => started.close(),
);

/** Sends a mail over the wire, and returns it as it arrived. */
async function deliver(mail: Mail): Promise<ReceivedMail> {
	expect(await channel.send(null, mail)).toEqual({ kind: "accepted" });
	const arrived = server.received.find(({ raw }) => raw.includes(mail.messageId));
	if (!arrived) throw new Error(`${mail.messageId} did not arrive`);
	return arrived;
}

const deliverNotice = (given: Notice) => deliver(mailOf(given, mailOptions));

/** The header's lines, without the folding. */
function headersOf({ raw }: Pick<ReceivedMail, "raw">): [name: string, value: string][] {
	const head = raw.slice(0, raw.indexOf("\r\n\r\n")).replace(/\r\n[ \t]/g, " ");
	return head.split("\r\n").map((line) => {
		const colon = line.indexOf(":");
		return [line.slice(0, colon), line.slice(colon + 2)];
	});
}

const headerNames = [
	"From",
	"To",
	"Subject",
	"Message-ID",
	"In-Reply-To",
	"References",
	"Date",
	"MIME-Version",
	"Auto-Submitted",
	"List-Unsubscribe",
	"List-Unsubscribe-Post",
	"Content-Type",
].sort();

test("a mail arrives with its headers, as text and as HTML", async () => {
	const given = notice({
		locale: "de-AT",
		conversations: [conversation({ senderName: "Jürgen Weiß", text: "Grüße\nund Küsse" })],
	});
	const arrived = await deliverNotice(given);
	const headers = Object.fromEntries(headersOf(arrived));

	expect(arrived.from).toBe("no-reply@mail.example.org");
	expect(arrived.to).toEqual(["bob@example.org"]);
	expect(Object.keys(headers).sort()).toEqual(headerNames);
	expect(headers).toMatchObject({
		From: "Parley <no-reply@mail.example.org>",
		To: "bob@example.org",
		"Auto-Submitted": "auto-generated",
		"List-Unsubscribe": `<${mailOptions.unsubscribeUrl}>`,
		"List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
		"Message-ID": `<${given.id}@mail.example.org>`,
	});
	const { parsed } = arrived;
	expect(parsed.subject).toBe("Jürgen Weiß hat Ihnen zu „Data Engineer“ geschrieben");
	expect(parsed.text).toBe(
		`${[
			"Sie haben eine neue Nachricht",
			"Jürgen Weiß · Data Engineer\nDi., 24. Nov., 14:05",
			"> Grüße\n> und Küsse",
			`Antworten: https://jobs.example.org/c/${given.conversations[0].conversationId}?m=7`,
			"-- \nSie erhalten diese E-Mail, weil es auf jobs.example.org Nachrichten für Sie gibt, die Sie noch nicht gelesen haben.",
		].join("\n\n")}\nDiese E-Mails abbestellen: ${mailOptions.unsubscribeUrl}\n`,
	);
	expect(parsed.html).toContain('<html lang="de" dir="ltr">');
	expect(parsed.html).toContain("Grüße<br>und Küsse");
	expect(parsed.html).toContain(`href="https://jobs.example.org/c/${given.conversations[0].conversationId}?m=7"`);
});

test("mails of one conversation form a thread, and digests of one person form another one", async () => {
	const one = conversation();
	const refer = async (given: Partial<Notice>) => {
		const { parsed } = await deliverNotice(notice(given));
		expect(parsed.inReplyTo).toBe(parsed.references);
		return parsed.references;
	};
	const first = await refer({ conversations: [one] });
	const later = await refer({ conversations: [{ ...one, seq: 8, count: 2 }] });
	expect(first).toBe(`<conversation.${one.conversationId}@mail.example.org>`);
	expect(later).toBe(first);

	const digest = await refer({ isDigest: true, conversations: [one, conversation()] });
	expect(await refer({ isDigest: true, conversations: [conversation(), one] })).toBe(digest);
	expect(digest).toMatch(/^<digest\.[0-9a-f]{32}@mail\.example\.org>$/);
	expect(await refer({ isDigest: true, userId: "a@b <c>\r\n", conversations: [one] })).not.toBe(digest);
});

test("mails of one conversation have one subject, whatever their count is", () => {
	const subjects = [1, 2, 5].map((count) => mailOf(notice({ conversations: [conversation({ count })] }), mailOptions).subject);
	expect(new Set(subjects)).toEqual(new Set(["Ann Adams wrote to you about Data Engineer"]));
});

const injections = [
	"Ann\r\nBcc: evil@example.com",
	"Ann\nX-Evil: 1",
	"Ann\rSubject: other",
	"Ann\u2028Bcc: evil@example.com",
	"\r\n\r\n<html>",
	"=?utf-8?q?=0D=0ABcc:_evil@example.com?=",
	"\u202egpj.exe",
	'"Ann" <evil@example.com>, ',
];

test.each([
	["attempts at headers", injections],
	["the big list of naughty strings", naughtyStrings],
])(
	"%s in a name, a job title and a text add no header, no recipient and no raw byte",
	async (_what, strings) => {
		for (const string of strings) {
			const given = notice({ conversations: [conversation({ senderName: string, jobTitle: string, text: string })] });
			const arrived = await deliverNotice(given);
			const headers = headersOf(arrived);

			expect(headers.map(([name]) => name).sort()).toEqual(headerNames);
			expect(headers.filter(([, value]) => !/^[\x20-\x7e]*$/.test(value))).toEqual([]);
			expect(arrived.to).toEqual(["bob@example.org"]);
			expect(arrived.parsed.subject ?? "").not.toMatch(/[\p{Cc}\u202a-\u202e\u2066\u2067]/u);
			expect(arrived.parsed.text).toContain("\n-- \nYou get this e-mail");
		}
	},
	60_000,
);

test("a recipient with a comma or a bracket is one recipient or none", async () => {
	const outcome = await channel.send(null, { ...mailOf(notice(), mailOptions), to: "a@example.org, b@example.org>" });
	expect(outcome.kind === "accepted" ? server.received.at(-1)?.to : outcome.kind).toEqual("refused");
});

test("many mails share a few connections", async () => {
	const count = server.received.length;
	const outcomes = await Promise.all(Array.from({ length: 40 }, () => channel.send(null, mailOf(notice(), mailOptions))));
	expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(["accepted"]));
	expect(server.received).toHaveLength(count + 40);
	expect(server.mostConnections).toBeLessThanOrEqual(2);
});

describe("with TLS", () => {
	const { cert, key } = selfSigned();
	/** 0.0.0.0 leads to this machine too, but is not one of its names. */
	const [remote, local] = ["0.0.0.0", "localhost"];

	test.each([
		["STARTTLS", "smtp", false],
		["TLS from the start", "smtps", true],
	])(
		"%s: a server gets mails and the password if its certificate is trusted, or if it is on this machine",
		async (_how, scheme, secure) => {
			const encrypted = await startMailServer({ cert, key, secure, authOptional: false });
			const attempt = async (host: string, ca?: string) => {
				const url = `${scheme}://user:pass%20word%40@${host}:${encrypted.port}`;
				const opened = openSmtp({ url, from, ...(ca && { ca }) });
				const outcome = await opened.send(null, mailOf(notice(), mailOptions));
				await opened.close();
				return outcome;
			};
			const outcomes = [await attempt(remote, cert), await attempt(remote), await attempt(local)];
			await encrypted.close();

			const refused = { kind: "failed", reason: "DEPTH_ZERO_SELF_SIGNED_CERT" };
			expect(outcomes).toEqual([{ kind: "accepted" }, refused, { kind: "accepted" }]);
			const sessions = encrypted.received.map(({ isEncrypted, user }) => ({ isEncrypted, user }));
			expect(sessions).toEqual(Array(2).fill({ isEncrypted: true, user: "user" }));
		},
	);
});

describe("which channel is opened", () => {
	const log: string[] = [];
	const logger = { info: (line: string) => void log.push(line) };
	const open = (env: Record<string, string>, mailFolder?: string) =>
		openMailChannel({ ...readConfig(env), ...(mailFolder && { mailFolder }) }, logger);

	let folder: string;
	beforeEach(() => {
		log.length = 0;
		folder = mkdtempSync(join(tmpdir(), "parley-mail-"));
	});
	afterEach(() => rmSync(folder, { recursive: true }));

	test("none without a mail server and without a folder, which the log says once", () => {
		expect(open({})).toBeUndefined();
		expect(log).toEqual(["E-mail is off: SMTP_URL is not set."]);
	});

	test("the mail server if there is one; its password is not in the log", async () => {
		const url = `smtp://user:pass%20word%40@127.0.0.1:${server.port}`;
		const opened = open({ SMTP_URL: url, MAIL_FROM: "ops@example.org", APP_URL: "https://app.example.org" }, folder);
		expect(await opened?.send(null, mailOf(notice(), mailOptions))).toEqual({ kind: "accepted" });
		await opened?.close();
		expect(server.received.at(-1)).toMatchObject({ from: "ops@example.org", user: "user" });
		expect(readdirSync(folder)).toEqual([]);
		expect(log).toEqual([]);
	});

	test("else the folder: one file for each notification, closed to others, complete, and replaced by its repetition", async () => {
		const opened = open({}, join(folder, "new"));
		const given = notice();
		expect(await opened?.send(null, mailOf(given, mailOptions))).toEqual({ kind: "accepted" });
		expect(await opened?.send(null, { ...mailOf(given, mailOptions), subject: "again" })).toEqual({ kind: "accepted" });

		const path = join(folder, "new", `${given.id}.eml`);
		expect(readdirSync(join(folder, "new"))).toEqual([`${given.id}.eml`]);
		expect(statSync(path).mode & 0o777).toBe(0o600);
		const parsed = await simpleParser(readFileSync(path));
		expect(parsed.subject).toBe("again");
		expect(parsed.messageId).toBe(`<${given.id}@mail.example.org>`);
		expect(log).toEqual(Array(2).fill(`SMTP_URL is not set: a mail was written to ${path}.`));
	});

	test("a folder that cannot be used is a failure", async () => {
		writeFileSync(join(folder, "file"), "");
		const opened = open({}, join(folder, "file"));
		expect(await opened?.send(null, mailOf(notice(), mailOptions))).toEqual({ kind: "failed", reason: "EEXIST" });
	});
});

function selfSigned(): { cert: string; key: string } {
	const folder = mkdtempSync(join(tmpdir(), "parley-tls-"));
	const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
	const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:0.0.0.0"];
	const options = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2", ...subject];
	execFileSync("openssl", options, { stdio: "ignore" });
	const read = { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
	rmSync(folder, { recursive: true });
	return read;
}
