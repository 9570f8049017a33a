import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { type NatsServer, startNats } from "../../testing/nats.ts";
import { parleyProcess } from "../../testing/parley.ts";
import type { OsProcess } from "../../testing/processes.ts";
import { startBrokers, type TestNode } from "../support/broker.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/database.ts";
import { echo } from "../support/echo.ts";
import { createOperator } from "../support/nats-operator.ts";
import { freePort } from "../support/ports.ts";

jest.setTimeout(60_000);

const password = "p:w@rd/ü";
const user = "authorization: { user: parley, password: 'p:w@rd/ü' }";
/** As it stands in a URL. */
const login = `parley:${encodeURIComponent(password)}`;

let folder: string;
let database: TestDatabase;
let nats: NatsServer | undefined;
let nodes: TestNode[] = [];
let running: OsProcess | undefined;

beforeAll(async () => {
	folder = mkdtempSync(join(tmpdir(), "parley-nats-"));
	database = await createMigratedDatabase();
});

afterEach(async () => {
	for (const node of nodes) await node.stop();
	nodes = [];
	await running?.stop();
	running = undefined;
	await nats?.process.stop();
	nats = undefined;
});

afterAll(async () => {
	await database?.drop();
	rmSync(folder, { recursive: true, force: true });
});

test("a node signs in with the user and password of NATS_URL, whatever signs they hold", async () => {
	nats = await startNats(folder, user);
	await expectCallsOver({ NATS_URL: natsUrl(login) });
});

test("a node signs in with the token of NATS_URL", async () => {
	nats = await startNats(folder, "authorization: { token: s3cr3t }");
	await expectCallsOver({ NATS_URL: natsUrl("s3cr3t") });
});

test("a node signs in with a credentials file", async () => {
	const { settings, credentials } = createOperator();
	nats = await startNats(folder, settings);
	const file = join(folder, "parley.creds");
	writeFileSync(file, credentials);
	await expectCallsOver({ NATS_URL: nats.url, NATS_CREDENTIALS_FILE: file });
});

test("of several servers in NATS_URL, one that is there will do", async () => {
	nats = await startNats(folder, user);
	const absent = `nats://${login}@127.0.0.1:${await freePort()}`;
	await expectCallsOver({ NATS_URL: `${absent}, ${natsUrl(login)}` });
});

test("no secret of the bus stands in a broker's options", async () => {
	nats = await startNats(folder, user);
	const [node] = await startNodes({ NATS_URL: natsUrl(login) });
	const shown = JSON.stringify(await node?.broker.call("$node.options"));
	expect(shown).toContain('"transporter":{"type":"NATS"}');
	const printed = inspect(node?.broker.options, { depth: 12, maxStringLength: null });
	for (const text of [shown, printed]) {
		expect(text).not.toContain(password);
		expect(text).not.toContain(encodeURIComponent(password));
	}
});

test("a node speaks TLS with a server whose certificate it can check", async () => {
	const certificate = selfSigned();
	nats = await startNats(folder, `${user}\ntls: { cert_file: "${certificate.cert}", key_file: "${certificate.key}" }`);
	const url = natsUrl(login).replace("nats://", "tls://").replace("127.0.0.1", "localhost");
	running = conversationsNode({ NATS_URL: url, NODE_EXTRA_CA_CERTS: certificate.cert });
	await running.start();
	expect(await nats.subjectsOf(running.pid)).not.toEqual([]);
});

test("a node does not speak with a server whose certificate it cannot check", async () => {
	const certificate = selfSigned();
	nats = await startNats(folder, `${user}\ntls: { cert_file: "${certificate.cert}", key_file: "${certificate.key}" }`);
	const url = natsUrl(login).replace("nats://", "tls://").replace("127.0.0.1", "localhost");
	running = conversationsNode({ NATS_URL: url }, async (node) => node.logs().includes("Connection is failed"));
	await running.start();
	expect(running.logs()).toMatch(/self.signed certificate/);
	expect(await nats.subjectsOf(running.pid)).toEqual([]);
});

test.each([
	["is not there", "/nowhere/parley.creds"],
	["is none", "package.json"],
])("a credentials file that %s stops the start with one line that names the variable", async (_, file) => {
	const node = conversationsNode({ NATS_URL: "nats://127.0.0.1:1", NATS_CREDENTIALS_FILE: file });
	await expect(node.start()).rejects.toThrow("ended instead of starting");
	const lines = node.logs().trim().split("\n");
	expect(lines.filter((line) => line.includes("NATS_CREDENTIALS_FILE"))).toHaveLength(1);
	expect(lines.at(-1)).toContain("NATS_CREDENTIALS_FILE must be a credentials file of NATS that can be read");
});

test("a node that needs longer messages than the server takes ends and says what it needs", async () => {
	nats = await startNats(folder, "max_payload: 65536");
	const node = conversationsNode({ NATS_URL: nats.url });
	await expect(node.start()).rejects.toThrow("ended instead of starting");
	expect(node.logs()).toContain("nats-server takes messages of 65536 bytes (max_payload), Parley needs 528384");
});

function natsUrl(userInfo: string): string {
	return String(nats?.url).replace("nats://", `nats://${userInfo}@`);
}

async function expectCallsOver(env: Record<string, string>): Promise<void> {
	const [caller] = await startNodes(env);
	expect(await caller?.broker.call("echo.count", { text: "four" })).toBe(4);
}

/** The second one answers. */
async function startNodes(env: Record<string, string>): Promise<TestNode[]> {
	// They have no service that needs Redis.
	const node = { databaseUrl: database.url, services: [], env: { REDIS_URL: "redis://127.0.0.1:1", ...env } };
	nodes = await startBrokers(node, { ...node, others: [echo] });
	return nodes;
}

let started = 0;

/** Ready when nats-server says that it is connected. */
function conversationsNode(env: Record<string, string>, isReady?: (node: OsProcess) => Promise<boolean>): OsProcess {
	return parleyProcess({
		name: `conversations-${++started}`,
		folder,
		env: {
			SERVICES: "conversations",
			DATABASE_URL: database.url,
			REDIS_URL: "redis://127.0.0.1:1",
			JWT_SECRET: "the secret of the tests, which is long enough",
			...env,
		},
		isReady: isReady ?? (async ({ pid }) => ((await nats?.subjectsOf(pid)) ?? []).length > 0),
	});
}

function selfSigned(): { cert: string; key: string } {
	const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
	const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
	const arguments_ = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2", ...subject];
	execFileSync("openssl", arguments_, { stdio: "ignore" });
	return { cert, key };
}
