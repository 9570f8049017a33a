import { spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import webPush from "web-push";
import { embeddedVapid } from "../../embedded/vapid.ts";
import { readConfig } from "../../lib/config/config.ts";
import { canClear, openPushChannels } from "../../services/notifier/channels/open-channels.ts";
import { readPushKeys } from "../../services/notifier/channels/push-keys.ts";
import { apnsAnswer, startApnsServer } from "../support/apns-server.ts";
import { startFcmServer } from "../support/fcm-server.ts";
import { pushNotice } from "../support/push-notice.ts";
import { startPushService } from "../support/push-service.ts";

const folder = mkdtempSync(join(tmpdir(), "parley-keys-"));
afterAll(() => rmSync(folder, { recursive: true }));

const vapid = webPush.generateVAPIDKeys();
const p256 = pem("ec", { namedCurve: "P-256" });
const rsa = pem("rsa", { modulusLength: 2048 });
const account = {
	type: "service_account",
	project_id: "p",
	client_email: "a@example.org",
	private_key: rsa,
	token_uri: "https://token.example.org/",
};

let files = 0;
function file(content: string): string {
	const path = join(folder, `${files++}`);
	writeFileSync(path, content);
	return path;
}

const webPushEnv = (changes = {}) => ({
	VAPID_PUBLIC_KEY: vapid.publicKey,
	VAPID_PRIVATE_KEY: vapid.privateKey,
	VAPID_SUBJECT: "mailto:ops@example.org",
	...changes,
});
const apnsEnv = (APNS_KEY_FILE: string) => ({ APNS_KEY_FILE, APNS_KEY_ID: "K", APNS_TEAM_ID: "T", APNS_TOPIC: "org.example" });
const fcmEnv = (content: unknown) => ({ FCM_CREDENTIALS_FILE: file(JSON.stringify(content)) });

async function open(env: Record<string, string>) {
	const lines: string[] = [];
	const channels = await openPushChannels(readConfig(env), { info: (line: string) => lines.push(line) });
	return { channels, lines };
}

test("without settings all channels are off, and one line says which settings turn them on", async () => {
	const { channels, lines } = await open({});
	expect(channels).toEqual({});
	expect(lines).toHaveLength(1);
	for (const name of ["webpush (VAPID_PUBLIC_KEY", "fcm (FCM_CREDENTIALS_FILE", "apns (APNS_KEY_FILE"])
		expect(lines[0]).toContain(name);
});

test("each channel is opened from its settings and sends; then the log has nothing to say", async () => {
	const servers = { webpush: await startPushService(), apns: await startApnsServer(), fcm: await startFcmServer() };
	const { apns, fcm, webpush } = servers;
	apns.answerWith(apnsAnswer(200));
	const { channels, lines } = await open({
		...webPushEnv({ WEBPUSH_ALLOW: webpush.host }),
		...fcmEnv(fcm.credentials),
		FCM_ENDPOINT: `${fcm.endpoint}/`,
		APNS_KEY_FILE: file(apns.key),
		APNS_KEY_ID: apns.keyId,
		APNS_TEAM_ID: apns.teamId,
		APNS_TOPIC: apns.topic,
		APNS_ENDPOINT: apns.endpoint,
	});
	try {
		const devices = {
			webpush: webpush.subscribe(),
			apns: { id: "1", kind: "apns" as const, address: "ab".repeat(32), keys: null },
			fcm: { id: "2", kind: "fcm" as const, address: "token", keys: null },
		};
		for (const kind of ["webpush", "apns", "fcm"] as const)
			expect(await channels[kind]?.send(devices[kind], pushNotice())).toEqual({ kind: "accepted" });
		expect([webpush.pushes.length, apns.pushes.length, fcm.messages.length]).toEqual([1, 1, 1]);
		expect(lines).toEqual([]);
	} finally {
		for (const channel of Object.values(channels)) await channel.close();
		for (const server of Object.values(servers)) await server.stop();
	}
});

const otherKey = webPush.generateVAPIDKeys().publicKey;

test.each([
	["VAPID_PUBLIC_KEY", webPushEnv({ VAPID_PUBLIC_KEY: "AAAA" })],
	["VAPID_PUBLIC_KEY", webPushEnv({ VAPID_PUBLIC_KEY: `${vapid.publicKey}=` })],
	["VAPID_PRIVATE_KEY", webPushEnv({ VAPID_PRIVATE_KEY: `${vapid.privateKey}AAAA` })],
	["VAPID_PRIVATE_KEY", webPushEnv({ VAPID_PRIVATE_KEY: "A".repeat(43) })],
	["VAPID_PRIVATE_KEY", webPushEnv({ VAPID_PUBLIC_KEY: otherKey })],
	["APNS_KEY_FILE", apnsEnv(join(folder, "absent"))],
	["APNS_KEY_FILE", apnsEnv(folder)],
	["APNS_KEY_FILE", apnsEnv(file("secret, but no key"))],
	["APNS_KEY_FILE", apnsEnv(file(rsa))],
	["APNS_KEY_FILE", apnsEnv(file(pem("ec", { namedCurve: "P-384" })))],
	["FCM_CREDENTIALS_FILE", { FCM_CREDENTIALS_FILE: join(folder, "absent") }],
	["FCM_CREDENTIALS_FILE", { FCM_CREDENTIALS_FILE: file("{") }],
	["FCM_CREDENTIALS_FILE", fcmEnv({ ...account, type: "authorized_user" })],
	["FCM_CREDENTIALS_FILE", fcmEnv({ ...account, project_id: undefined })],
	["FCM_CREDENTIALS_FILE", fcmEnv({ ...account, token_uri: "file:///etc/passwd" })],
	["FCM_CREDENTIALS_FILE", fcmEnv({ ...account, private_key: "secret, but no key" })],
	["FCM_CREDENTIALS_FILE", fcmEnv({ ...account, private_key: p256 })],
])("%s that cannot be used is told in one line, which shows nothing of a key (%#)", (variable, env: Record<string, string>) => {
	const { message } = errorOf(() => readPushKeys(readConfig(env).notifications));
	expect(message).toMatch(new RegExp(`^${variable} must [^\n;]+$`));
	expect(message).not.toMatch(/secret|PRIVATE KEY/);
	for (const value of Object.values(env).filter(({ length }) => length > 20)) expect(message).not.toContain(value);
});

test("all keys that cannot be used are told together, and end the start", () => {
	const env = { ...webPushEnv({ VAPID_PUBLIC_KEY: otherKey }), ...apnsEnv(file("x")), ...fcmEnv({}) };
	const { message } = errorOf(() => readPushKeys(readConfig(env).notifications));
	expect(message.split("; ").map((line) => line.split(" ")[0])).toEqual([
		"VAPID_PRIVATE_KEY",
		"FCM_CREDENTIALS_FILE",
		"APNS_KEY_FILE",
	]);
	const start = 'import options from "./moleculer.config.ts"; await options();';
	const { status, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", start], {
		cwd: join(__dirname, "../.."),
		env: { ...process.env, DATA_DIR: join(folder, "never-made"), SERVICES: "notifier", ENV_FILE: "/dev/null", ...env },
		encoding: "utf8",
	});
	expect({ status, stdout, stderr }).toEqual({ status: 1, stdout: "", stderr: `${message}\n` });
});

test("a push can be taken away on phones, and not in browsers", () => {
	expect((["webpush", "fcm", "apns"] as const).filter(canClear)).toEqual(["fcm", "apns"]);
});

describe("an embedded start without VAPID settings", () => {
	test("makes keys once for each data folder, and they can be used", () => {
		const config = readConfig({ DATA_DIR: join(folder, "data") });
		const keys = embeddedVapid(config);
		expect(embeddedVapid(config)).toEqual(keys);
		expect(readFileSync(join(folder, "data", "vapid.secret"), "utf8").trim()).toBe(keys.privateKey);
		const notifications = { ...config.notifications, webPush: { ...config.notifications.webPush, ...keys } };
		expect(readPushKeys(notifications).webpush?.vapid).toEqual(keys);
		expect(embeddedVapid({ ...config, dataDir: join(folder, "other") }).publicKey).not.toBe(keys.publicKey);
	});

	test.each([
		["https://jobs.example.org", "https://jobs.example.org"],
		["http://localhost:5173", "mailto:parley@localhost"],
	])("names %s to push services as %s", (APP_URL, subject) => {
		const config = readConfig({ DATA_DIR: join(folder, "data"), APP_URL });
		expect(embeddedVapid(config).subject).toBe(subject);
	});

	test("refuses a file that is not a key in one line without showing it", () => {
		const dataDir = join(folder, "damaged");
		embeddedVapid({ dataDir, appUrl: "http://localhost" });
		const damaged = "_".repeat(43);
		writeFileSync(join(dataDir, "vapid.secret"), damaged);
		const { message } = errorOf(() => embeddedVapid({ dataDir, appUrl: "http://localhost" }));
		expect(message).toMatch(/^[^\n]+vapid\.secret is damaged: [^\n]+$/);
		expect(message).not.toContain(damaged);
	});
});

function errorOf(work: () => unknown): Error {
	try {
		work();
	} catch (error) {
		if (error instanceof Error) return error;
	}
	throw new Error("There was no error.");
}

function pem(type: "ec" | "rsa", options: { namedCurve?: string; modulusLength?: number }): string {
	const { privateKey } = generateKeyPairSync(type as "ec", options as { namedCurve: string });
	return String(privateKey.export({ type: "pkcs8", format: "pem" }));
}
