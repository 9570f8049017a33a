import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lockFolder } from "../../embedded/folder-lock.ts";
import { startPostgres } from "../../embedded/postgres.ts";
import { until } from "../../testing/until.ts";
import { query } from "../support/database.ts";
import { type Contained, contained, mayMakeNamespaces } from "../support/namespaces.ts";

/** Two containers on one volume: neither sees the other's processes. */
const inNamespaces = mayMakeNamespaces ? test : test.skip;

let dataDir: string;
const all: Contained[] = [];

beforeEach(() => {
	dataDir = mkdtempSync(join(tmpdir(), "parley-lock-"));
});

afterEach(async () => {
	for (const { process } of all) process.kill("SIGKILL");
	for (const { ended } of all.splice(0)) await ended;
	rmSync(dataDir, { recursive: true });
});

inNamespaces("a second Parley in another container says in one line who has the data, and the first one goes on", async () => {
	const first = start();
	const url = await urlOf(first);
	await query(url, "create table notes as select 'kept' as note");
	const pidFile = readFileSync(postmasterPidFile(), "utf8");

	const second = start();
	expect(await outcomeOf(second)).toEqual({ code: 1 });
	expect(second.output()).toMatch(
		/^REFUSED [^\n]+ is in use by another Parley \(process \d+ on [^\n]+, since [^\n]+\): [^\n]+DATA_DIR[^\n]+$/,
	);
	expect(readFileSync(postmasterPidFile(), "utf8")).toBe(pidFile);
	await query(url, "insert into notes values ('more')");
	await query(url, "checkpoint");
	await kill(first);

	expect(await notesAfterRestart()).toEqual([{ note: "kept" }, { note: "more" }]);
});

inNamespaces(
	"of many that start at once in containers on a new folder, one makes the data and the others are refused",
	async () => {
		const starts = Array.from({ length: 4 }, () => start());
		await until(() => starts.filter(({ process }) => process.exitCode === 1).length === 3, { timeoutMs: 20_000 });
		const [winner] = starts.filter(({ process }) => process.exitCode === null);
		if (!winner) throw new Error("all ended");
		const url = await urlOf(winner);
		expect(await query(url, "select 1 as alive")).toEqual([{ alive: 1 }]);
	},
);

inNamespaces("a PostgreSQL that a killed Parley left behind in another container keeps its data to itself", async () => {
	// Parley is not the first process of its container here, so that the container lives on without it.
	const first = start(["/bin/sh", "-c", '"$@"; sleep 60', "sh"]);
	const url = await urlOf(first);
	await query(url, "create table notes as select 'kept' as note");
	process.kill(nodeIn(first), "SIGKILL");

	const second = start();
	expect(await outcomeOf(second)).toEqual({ code: 1 });
	expect(second.output()).toMatch(/^REFUSED [^\n]+ is still in use by the PostgreSQL of a Parley that ended \([^\n]+\): [^\n]+$/);
	await query(url, "insert into notes values ('more')");
	await kill(first);

	expect(await notesAfterRestart()).toEqual([{ note: "kept" }, { note: "more" }]);
});

test("a postmaster.pid that names the PostgreSQL of other data does not hinder the start", async () => {
	const settings = { fsync: "off" };
	const other = await startPostgres({ dataDir: join(dataDir, "other"), settings });
	const mine = join(dataDir, "mine");
	await (await startPostgres({ dataDir: mine, settings })).stop();
	const [pid] = readFileSync(join(dataDir, "other", "postgres", "postmaster.pid"), "utf8").split("\n");
	writeFileSync(join(mine, "postgres", "postmaster.pid"), `${pid}\n${join(mine, "postgres")}\n`);

	try {
		const postgres = await startPostgres({ dataDir: mine, settings });
		expect(await query(postgres.url, "select 1 as alive")).toEqual([{ alive: 1 }]);
		expect(await query(other.url, "select 1 as alive")).toEqual([{ alive: 1 }]);
		await postgres.stop();
	} finally {
		await other.stop();
	}
});

describe("the lock of a folder", () => {
	const { PATH } = process.env;
	afterEach(() => {
		process.env.PATH = PATH;
	});
	const only = (...programs: string[]) => {
		const folder = join(dataDir, "bin");
		mkdirSync(folder);
		for (const program of programs)
			symlinkSync(execFileSync("which", [program], { encoding: "utf8" }).trim(), join(folder, program));
		process.env.PATH = folder;
	};

	test("is the same by perl, where there is no flock, as on macOS", () => {
		const unlock = lockFolder(dataDir);
		only("perl");
		expect(() => lockFolder(dataDir)).toThrow(/ is in use by another Parley \(process \d+ on /);
		unlock();
		const unlockAgain = lockFolder(dataDir);
		process.env.PATH = PATH;
		expect(() => lockFolder(dataDir)).toThrow(/ is in use by another Parley \(process \d+ on /);
		unlockAgain();
	});

	test("without both, it is said in one line what to install", () => {
		only();
		expect(() => lockFolder(dataDir)).toThrow(/^[^\n]+ cannot be locked without flock \(util-linux\) or perl: [^\n]+$/);
	});
});

/** Starts what `npm start` starts first, says its URL, and goes on until it is ended. */
function start(prefix: readonly string[] = []): Contained {
	const script = `
		import { startPostgres } from "./embedded/postgres.ts";
		const postgres = await startPostgres({ dataDir: ${JSON.stringify(dataDir)}, settings: { fsync: "off" } }).catch(({ message }) => {
			process.stdout.write("REFUSED " + message);
			process.exit(1);
		});
		process.stdout.write("STARTED " + postgres.url + " ");
		setInterval(() => {}, 1000);
	`;
	const [file = "", ...args] = [...prefix, process.execPath, "--input-type=module", "-e", script];
	const child = contained(file, args);
	all.push(child);
	return child;
}

/** Its exit code, or the URL by which it has started. */
async function outcomeOf({ process, output, ended }: Contained): Promise<unknown> {
	const outcome = await until(() => urlIn(output()) ?? (process.exitCode === null ? undefined : { code: process.exitCode }), {
		timeoutMs: 20_000,
	});
	if (typeof outcome !== "string") await ended;
	return outcome;
}

function urlOf({ output }: Contained): Promise<string> {
	return until(() => urlIn(output()), { timeoutMs: 20_000 });
}

function urlIn(output: string): string | undefined {
	return /STARTED (\S+) /.exec(output)?.[1];
}

async function kill({ process, ended }: Contained): Promise<void> {
	process.kill("SIGKILL");
	await ended;
}

async function notesAfterRestart(): Promise<unknown> {
	const { url, stop } = await startPostgres({ dataDir, settings: { fsync: "off" } });
	const notes = await query(url, "select note from notes order by note");
	await stop();
	return notes;
}

function postmasterPidFile(): string {
	const path = join(dataDir, "postgres", "postmaster.pid");
	expect(existsSync(path)).toBe(true);
	return path;
}

/** The pid, outside of its container, of the Node that runs the script. */
function nodeIn({ process: { pid } }: Contained): number {
	const rows = execFileSync("ps", ["-A", "-ww", "-o", "pid=,ppid=,args="], { encoding: "utf8" })
		.split("\n")
		.map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line))
		.filter((match) => match !== null)
		.map(([, pid, ppid, args]) => ({ pid: Number(pid), ppid: Number(ppid), args: String(args) }));
	const [shell] = rows.filter(({ ppid }) => ppid === pid);
	const [node] = rows.filter(({ ppid, args }) => ppid === shell?.pid && args.includes("--input-type=module"));
	if (!node) throw new Error("no Node runs in the container");
	return node.pid;
}
