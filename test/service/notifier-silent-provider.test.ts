import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, until } from "../../testing/until.ts";
import { as, asPlatform, startBrokers, type TestNode } from "../support/broker.ts";
import { createMigratedDatabase, query, type TestDatabase } from "../support/database.ts";
import { type FcmServer, startFcmServer } from "../support/fcm-server.ts";
import { type MailServer, startMailServer } from "../support/mail-server.ts";
import { openConversation, send } from "../support/platform.ts";

jest.setTimeout(60_000);

let fcm: FcmServer;
let mail: MailServer;
let database: TestDatabase;
let folder: string;
let others: TestNode;
let notifier: TestNode;

beforeEach(async () => {
	fcm = await startFcmServer();
	// It accepts, and answers only about tokens that do not say that it should be silent.
	fcm.answerWith((response) => {
		if (!fcm.messages.at(-1).token.startsWith("silent")) response.writeHead(200).end("{}");
	});
	mail = await startMailServer();
	database = await createMigratedDatabase();
	folder = mkdtempSync(join(tmpdir(), "parley-silent-"));
	const credentials = join(folder, "fcm.json");
	writeFileSync(credentials, JSON.stringify(fcm.credentials));
	const env = {
		...{ NOTIFY_DELAY_SECONDS: "0", NOTIFY_IDLE_DELAY_SECONDS: "0", NOTIFY_EMAIL_AFTER_PUSH_SECONDS: "1" },
		...{ FCM_CREDENTIALS_FILE: credentials, FCM_ENDPOINT: fcm.endpoint },
		...{ SMTP_URL: `smtp://127.0.0.1:${mail.port}`, MAIL_FROM: "no-reply@example.org" },
	};
	const { url: databaseUrl } = database;
	[notifier, others] = await startBrokers(
		{ databaseUrl, env, services: ["notifier"] },
		{ databaseUrl, services: ["conversations", "directory", "messages", "presence"] },
	);
});

afterEach(async () => {
	await notifier.stop();
	await others.stop();
	await database.drop();
	await fcm.stop();
	await mail.close();
	rmSync(folder, { recursive: true });
});

/** Somebody with an unread message, and with devices whose tokens begin so. */
async function unread(tokens: string, devices: number): Promise<{ email: string }> {
	const { calls } = others;
	const { employerId, applicantId, conversationId } = await openConversation(calls);
	const email = `${employerId}@example.org`;
	await calls.call("users.put", { id: employerId, name: "Bob", email }, asPlatform);
	for (let n = 0; n < devices; n++) {
		await calls.call("notifier.addDevice", { kind: "fcm", token: `${tokens}-${randomUUID()}` }, as(employerId));
	}
	await send(calls, conversationId, applicantId);
	return { email };
}

const toldTokens = (beginning: string) => fcm.messages.filter(({ token }) => token.startsWith(beginning));

test("a push provider that accepts and never answers delays neither other people nor mails", async () => {
	const { email } = await unread("silent", 20);
	await until(() => toldTokens("silent").length === 5);
	await unread("talking", 1);
	// Far below the time of an attempt, after which the silent ones end.
	await eventually(() => expect(toldTokens("talking")).toHaveLength(1), { timeoutMs: 5_000 });
	await eventually(() => expect(mail.received.flatMap(({ to }) => to)).toContain(email), { timeoutMs: 5_000 });
});

test("a shutdown does not wait for a provider that is silent: another node repeats the attempt soon", async () => {
	await unread("silent", 2);
	await until(() => toldTokens("silent").length === 2);
	const fromMs = performance.now();
	await notifier.stop();
	expect(performance.now() - fromMs).toBeLessThan(8_000);
	const rows = await query(
		database.url,
		"select state, attempts, due_at < now() + interval '6 seconds' as soon from notifications where channel = 'fcm'",
	);
	expect(rows).toEqual(Array(2).fill({ state: "WAITING", attempts: 1, soon: true }));
});
