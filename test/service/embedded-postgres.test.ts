import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
	chmodSync,
	closeSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readFileSync,
	renameSync,
	rmSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { lockFolder } from "../../embedded/folder-lock.ts";
import { tryLock } from "../../embedded/kernel-lock.ts";
import { type EmbeddedPostgres, startPostgres } from "../../embedded/postgres.ts";
import { stopLeftover } from "../../embedded/postmaster.ts";
import { commandLine } from "../../embedded/processes.ts";
import { eventually, until } from "../../testing/until.ts";
import { createDatabase } from "../support/database.ts";

const asRoot = process.getuid?.() === 0 ? test : test.skip;

let root: string;
let dataDir: string;
const running: EmbeddedPostgres[] = [];
const children: ChildProcess[] = [];

beforeEach(() => {
	root = mkdtempSync(join(tmpdir(), "parley-postgres-"));
	dataDir = join(root, "some", "where");
});

afterEach(async () => {
	for (const child of children) child.kill("SIGKILL");
	for (const postgres of running.splice(0)) await postgres.stop();
	// What a child started may still run, or be about to stop: the next start puts an end to it.
	if (children.splice(0).length > 0) await (await startPostgres({ dataDir })).stop();
	rmSync(root, { recursive: true });
}, 20_000);

test("what was written is there after a restart, and was only for those with the password", async () => {
	const first = await start({});
	await query(first.url, "CREATE TABLE notes AS SELECT 'kept 👍' AS note");
	expect(await query(first.url, "SHOW server_encoding")).toEqual([{ server_encoding: "UTF8" }]);
	expect(await query(first.url, "SHOW fsync")).toEqual([{ fsync: "on" }]);
	const stranger = new URL(first.url);
	stranger.password = "guess";
	await expect(query(stranger.href, "SELECT 1")).rejects.toThrow("password authentication failed");
	expect(statSync(join(dataDir, "postgres.password")).mode & 0o777).toBe(0o600);
	await first.stop();
	await expect(query(first.url, "SELECT 1")).rejects.toThrow("ECONNREFUSED");

	const second = await start();
	expect(await query(second.url, "SELECT note FROM notes")).toEqual([{ note: "kept 👍" }]);
}, 30_000);

test("text search knows letters of every script from signs, and case is folded", async () => {
	const { url } = await start();
	const [row] = await query(url, "SELECT to_tsvector('simple', 'ÜBER—Привет👍 日本語')::text AS words, 'É' ILIKE 'é' AS folded");
	expect(row).toEqual({ words: "'über':1 'привет':2 '日本語':3", folded: true });
}, 30_000);

test("a second Parley on the same data is refused in one line, and may start after the first", async () => {
	const first = await start();
	await expect(start()).rejects.toThrow(/^[^\n]+ is in use by another Parley \(process \d+ on [^\n]+\): [^\n]+$/);
	await first.stop();
	await start();
}, 30_000);

test("the server of a Parley that was killed is taken over, with what it had committed", async () => {
	const child = await startInChild();
	await query(child.url, "CREATE TABLE notes AS SELECT 'kept' AS note");
	const leftover = postmasterPid();
	await killed(child.process);
	expect(await query(child.url, "SELECT 1 AS alive")).toEqual([{ alive: 1 }]);

	const { url } = await start();
	expect(postmasterPid()).not.toBe(leftover);
	expect(await query(url, "SELECT note FROM notes")).toEqual([{ note: "kept" }]);
}, 30_000);

test("when the server was killed as well, the next start recovers", async () => {
	const child = await startInChild();
	await query(child.url, "CREATE TABLE notes AS SELECT 'kept' AS note");
	await killed(child.process);
	process.kill(postmasterPid(), "SIGKILL");

	const { url } = await start();
	expect(await query(url, "SELECT note FROM notes")).toEqual([{ note: "kept" }]);
	expect(readFileSync(join(dataDir, "postgres.log"), "utf8")).toContain("automatic recovery in progress");
}, 30_000);

test("a pid file whose pid belongs to another program now does not hinder the start", async () => {
	await (await start()).stop();
	writeFileSync(join(dataDir, "postgres", "postmaster.pid"), `${process.ppid}\n${join(dataDir, "postgres")}\n`);
	await start();
}, 30_000);

test.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)(
	"the server ends with a process that ends by %s",
	async (signal) => {
		const child = await startInChild();
		const client = new pg.Client({ connectionString: child.url });
		await client.connect();
		const disconnected = new Promise((resolve) => client.on("error", resolve));
		const exited = once(child.process, "exit");
		child.process.kill(signal);
		await disconnected;
		expect((await exited)[0]).toBeGreaterThan(128);
	},
	30_000,
);

test("parameters may be given", async () => {
	const { url } = await start({ max_connections: "7" });
	expect(await query(url, "SHOW max_connections")).toEqual([{ max_connections: "7" }]);
}, 30_000);

test("what PostgreSQL says about a start that fails comes in one line", async () => {
	await expect(start({ shared_buffers: "much" })).rejects.toThrow(/^PostgreSQL did not start: [^\n]*shared_buffers[^\n]*$/);
	expectUnlocked();
}, 30_000);

describe("a server that is killed", () => {
	/** What the watcher was told. */
	const notes: string[] = [];
	const losses: string[] = [];
	const watcher = {
		note: (message: string) => void notes.push(message),
		lost: (error: Error) => void losses.push(error.message),
	};

	beforeEach(() => {
		notes.length = 0;
		losses.length = 0;
	});

	const started = async () => {
		const postgres = await startPostgres({ dataDir, settings: { fsync: "off" }, watcher });
		running.push(postgres);
		return postgres;
	};
	const killPostmaster = () => {
		const pid = postmasterPid();
		process.kill(pid, "SIGKILL");
		return pid;
	};

	test("runs again under the same URL, with what it had committed, every time", async () => {
		const { url } = await started();
		await query(url, "CREATE TABLE notes AS SELECT 'kept' AS note");
		for (const times of [1, 2]) {
			const killed = killPostmaster();
			await eventually(async () => {
				expect(await query(url, "SELECT note FROM notes")).toEqual([{ note: "kept" }]);
			});
			expect(postmasterPid()).not.toBe(killed);
			await eventually(() => {
				expect(notes.filter((note) => note.includes("runs again"))).toHaveLength(times);
			});
		}
		expect(notes[0]).toMatch(/^The embedded PostgreSQL ended \(SIGKILL\) and is started again\.$/);
	}, 30_000);

	test("waits for a statement of the killed server that still runs", async () => {
		const { url } = await started();
		const busy = query(url, "SELECT count(*) FROM generate_series(1, 3e6) AS a CROSS JOIN generate_series(1, 5) AS b").catch(
			(error: Error) => error,
		);
		await until(async () => (await query(url, "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%CROSS JOIN%'")).length > 1);
		killPostmaster();
		await until(async () => (await query(url, "SELECT 1 AS alive")).length === 1, { timeoutMs: 20_000 });
		await busy;
		expect(losses).toEqual([]);
	}, 30_000);

	test("keeps its folder while it is started again, and gives it back when it is stopped meanwhile", async () => {
		const { stop } = await started();
		killPostmaster();
		await until(() => notes.length > 0);
		await expect(startPostgres({ dataDir })).rejects.toThrow("is in use by another Parley");
		await stop();
		expectUnlocked();
		await expect(stopLeftover(join(dataDir, "postgres"))).resolves.toBeUndefined();
		expect(commandLine(postmasterPid())).toBe("");
		expect(losses).toEqual([]);
	}, 30_000);

	test("and does not start any more is lost, with one line that says why", async () => {
		const { url } = await started();
		renameSync(join(dataDir, "postgres", "global"), join(dataDir, "away"));
		killPostmaster();
		await until(() => losses.length > 0, { timeoutMs: 40_000 });
		expect(losses).toEqual([
			expect.stringMatching(
				/^The embedded PostgreSQL ended \(SIGKILL\) and could not be started again: PostgreSQL did not start: [^\n]+$/,
			),
		]);
		await expect(query(url, "SELECT 1")).rejects.toThrow("ECONNREFUSED");
	}, 60_000);
});

asRoot(
	"root may keep the data where no other user can enter",
	async () => {
		const secluded = join(root, "root");
		mkdirSync(secluded, { mode: 0o700 });
		chmodSync(secluded, 0o700);
		dataDir = join(secluded, "x", "y");
		await (await start()).stop();
		const { url } = await start();
		expect(await query(url, "SELECT current_user AS name")).toEqual([{ name: "parley" }]);
		expect(statSync(join(dataDir, "postgres")).uid).not.toBe(0);
	},
	30_000,
);

test("each test may have an empty database of its own", async () => {
	const [one, two] = await Promise.all([createDatabase(), createDatabase()]);
	await query(one.url, "CREATE TABLE notes (note text)");
	await expect(query(two.url, "SELECT * FROM notes")).rejects.toThrow('"notes" does not exist');
	await Promise.all([one.drop(), two.drop()]);
	await expect(query(one.url, "SELECT 1")).rejects.toThrow("does not exist");
}, 30_000);

async function start(settings: Record<string, string> = { fsync: "off" }): Promise<EmbeddedPostgres> {
	const postgres = await startPostgres({ dataDir, settings });
	running.push(postgres);
	return postgres;
}

/** Nobody has the folder, or writes its data. */
function expectUnlocked(): void {
	lockFolder(dataDir)();
	const { descriptor } = tryLock(join(dataDir, "postgres.lock"));
	if (descriptor === undefined) throw new Error("PostgreSQL still runs");
	closeSync(descriptor);
}

/** Started by a process of its own, which then does nothing. */
async function startInChild(): Promise<{ process: ChildProcess; url: string }> {
	const script = `
		import { startPostgres } from "./embedded/postgres.ts";
		const { url } = await startPostgres({ dataDir: ${JSON.stringify(dataDir)} });
		setInterval(() => {}, 1000);
		process.stdout.write(url);
	`;
	const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
	children.push(child);
	const [url] = await once(child.stdout, "data");
	return { process: child, url: String(url) };
}

async function killed(child: ChildProcess): Promise<void> {
	child.kill("SIGKILL");
	await once(child, "exit");
}

/** NaN when there is none. */
function postmasterPid(): number {
	const pidFile = join(dataDir, "postgres", "postmaster.pid");
	return existsSync(pidFile) ? Number(readFileSync(pidFile, "utf8").split("\n")[0]) : Number.NaN;
}

async function query(url: string, sql: string): Promise<unknown[]> {
	const client = new pg.Client({ connectionString: url });
	// A server that ends says so to whoever is connected.
	client.on("error", () => {});
	await client.connect();
	try {
		return (await client.query(sql)).rows;
	} finally {
		await client.end();
	}
}
