import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { embeddedSecret } from "../../embedded/secret.ts";
import { startStorage } from "../../embedded/storage.ts";
import { readConfig } from "../../lib/config/config.ts";
import { storageEnv } from "../../testing/storage-env.ts";
import { until } from "../../testing/until.ts";
import { createDatabase } from "../support/database.ts";
import { startFlaky } from "../support/flaky.ts";
import { download, uploadAndConfirm } from "../support/images.ts";
import { caller } from "../support/media-node.ts";
import { freePort } from "../support/ports.ts";

jest.setTimeout(60_000);

const runner = [
	"node_modules/moleculer/bin/moleculer-runner.mjs",
	"--config",
	"moleculer.config.ts",
	"--mask",
	"**/*.service.ts",
];

let dataDir: string;
let child: ChildProcess | undefined;
/** What else a test has to end, when the child has. */
let after = async () => {};

beforeEach(() => {
	dataDir = mkdtempSync(join(tmpdir(), "parley-start-"));
});
afterEach(async () => {
	if (child && child.exitCode === null && child.signalCode === null) {
		const exited = once(child, "exit");
		child.kill("SIGTERM");
		await exited;
	}
	child = undefined;
	await after();
	after = async () => {};
	rmSync(dataDir, { recursive: true });
});

test("npm start has images with nothing else installed", async () => {
	const port = await freePort();
	child = start({ PORT: String(port), DATA_DIR: dataDir, LOG_LEVEL: "warn" });
	const url = `http://127.0.0.1:${port}`;
	await until(async () => (await fetch(`${url}/health/ready`)).ok, { timeoutMs: 40_000, intervalMs: 100 });
	expect(await (await fetch(`${url}/health/ready`)).json()).toEqual({ status: "ready" });

	const secret = embeddedSecret(readConfig({ DATA_DIR: dataDir }).dataDir);
	const alice = await caller(url, "alice", "user", secret);
	const { body } = await alice.fetch("POST", "/conversations", { jobApplicationId: "demo-application" });
	const image = await uploadAndConfirm(alice, body.id);
	expect((await download(image.thumbnailUrl)).length).toBeGreaterThan(50);
});

test("a storage that refuses stops the start with one line", async () => {
	const database = await createDatabase();
	const storage = await startStorage({ dataDir });
	child = start({
		DATABASE_URL: database.url,
		JWT_SECRET: "secret",
		DATA_DIR: dataDir,
		PORT: "0",
		...storageEnv({ ...storage.s3, secretAccessKey: "never shown" }),
	});
	let said = "";
	child.stderr?.on("data", (data) => {
		said += data;
	});
	const [code] = await once(child, "exit");
	expect(code).toBe(1);
	expect(said).toMatch(/^The S3 bucket parley at http:\/\/127[^\n]+ cannot be used: SignatureDoesNotMatch[^\n]*\n$/);
	expect(said).not.toContain("never shown");
	await storage.stop();
	await database.drop();
});

test("a storage that is away at the start keeps nobody from writing texts, and images work once it is there", async () => {
	const database = await createDatabase();
	const storage = await startStorage({ dataDir });
	const way = await startFlaky(`http://127.0.0.1:${await freePort()}`);
	const [port, secret] = [await freePort(), "a secret of the tests, which is long enough"];
	child = start({
		DATABASE_URL: database.url,
		JWT_SECRET: secret,
		DATA_DIR: dataDir,
		DEMO: "on",
		PORT: String(port),
		LOG_LEVEL: "fatal",
		...storageEnv({ ...storage.s3, endpoint: way.url, bucket: "not-there-yet" }),
	});
	const url = `http://127.0.0.1:${port}`;
	after = async () => {
		await way.stop();
		await storage.stop();
		await database.drop();
	};
	await until(async () => (await fetch(`${url}/health/ready`)).ok, { timeoutMs: 30_000, intervalMs: 100 });
	expect(await (await fetch(`${url}/health/ready`)).json()).toEqual({ status: "ready", degraded: ["media"] });
	const alice = await caller(url, "alice", "user", secret);
	const { body } = await alice.fetch("POST", "/conversations", { jobApplicationId: "demo-application" });
	const text = { clientId: randomUUID(), content: "hello" };
	expect((await alice.fetch("POST", `/conversations/${body.id}/messages`, text)).status).toBe(201);

	way.target = String(storage.s3.endpoint);
	const isReady = async () => (await (await fetch(`${url}/health/ready`)).json()).degraded === undefined;
	await until(isReady, { timeoutMs: 20_000, intervalMs: 200 });
	await uploadAndConfirm(alice, body.id);
});

function start(env: Record<string, string>): ChildProcess {
	const inherited = { PATH: process.env.PATH, HOME: process.env.HOME };
	return spawn(process.execPath, runner, {
		env: { ...inherited, SERVICEDIR: "services", METRICS_PORT: "0", ...env },
		stdio: ["ignore", "ignore", "pipe"],
	});
}
