import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mailFolderOf } from "../../embedded/mail-folder.ts";
import { startEmbedded } from "../../embedded/start.ts";
import { readConfig } from "../../lib/config/config.ts";
import { openMailChannel } from "../../services/notifier/channels/mail.ts";
import { mailOf } from "../../services/notifier/templates/mail.ts";
import { mailOptions, notice } from "../support/notices.ts";

const isRoot = process.getuid?.() === 0;

let dataDir: string;
beforeEach(() => {
	dataDir = mkdtempSync(join(tmpdir(), "parley-mail-"));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

const configOf = (env: Record<string, string>) => readConfig({ DATA_DIR: dataDir, SERVICES: "notifier", ...env });

test("while PostgreSQL is embedded, mails go into a folder that only its owner may read", async () => {
	const { config, stop } = await startEmbedded(configOf({}));
	await stop();
	expect(config.mailFolder).toBe(join(dataDir, "mail"));
	expect(statSync(join(dataDir, "mail")).mode & 0o777).toBe(0o700);
});

test("there is no such folder with a mail server, with a PostgreSQL of one's own, or without the service", async () => {
	expect(
		mailFolderOf(configOf({ SMTP_URL: "smtp://mail", MAIL_FROM: "a@example.org", APP_URL: "https://app.example.org" })),
	).toBeUndefined();
	expect(mailFolderOf(configOf({ SERVICES: "directory" }))).toBeUndefined();
	const { config, stop } = await startEmbedded(configOf({ DATABASE_URL: "postgres://127.0.0.1/parley" }));
	await stop();
	expect(config.mailFolder).toBeUndefined();
	expect(existsSync(join(dataDir, "mail"))).toBe(false);
});

(isRoot ? test : test.skip)(
	"the folder and its mails belong to the owner of the data folder, also when root starts Parley",
	async () => {
		chownSync(dataDir, 1000, 1000);
		const config = configOf({});
		const mailFolder = mailFolderOf(config) ?? "";
		const channel = openMailChannel({ ...config, mailFolder }, { info() {} });
		expect(await channel?.send(null, mailOf(notice(), mailOptions))).toEqual({ kind: "accepted" });
		const [mail = ""] = readdirSync(mailFolder);
		expect([statSync(mailFolder).uid, statSync(join(mailFolder, mail)).uid]).toEqual([1000, 1000]);
	},
);
