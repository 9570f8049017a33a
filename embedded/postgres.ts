import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { EmbeddedError } from "./error.ts";
import { lockFolder } from "./folder-lock.ts";
import { keepRunning, type Watcher } from "./keep-running.ts";
import { openFolder, ownerOf } from "./ownership.ts";
import { findBinaries, initialize, refuseOtherMajor } from "./postgres-data.ts";
import { launch, shutDown, stopLeftover } from "./postmaster.ts";
import { keptSecret } from "./secret.ts";
import { type Account, nobody, runAs, weAreRoot } from "./unprivileged.ts";

export interface PostgresOptions {
	/** Its folder `postgres` has the data. The log and the password of the server are beside it. */
	dataDir: string;
	/** Server parameters that replace or extend the defaults. */
	settings?: Record<string, string>;
	/** By default, reports go to standard error, and this process exits with code 1 when the server is lost. */
	watcher?: Watcher;
}

/** A running server. */
export interface EmbeddedPostgres {
	/** For the database `parley`, as superuser. */
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
	// Checkpoints delay statements on a small busy machine, so they are rare.
	checkpoint_timeout: "15min",
	max_wal_size: "2GB",
};

/**
 * Starts a real PostgreSQL on a free port of 127.0.0.1. Makes its data folder if there is none. A server that a killed process left
 * running is stopped first. The server ends with `stop()` or with this process. If it ends by itself, it is restarted on the same
 * port.
 * @throws {EmbeddedError} when it cannot run here
 */
export async function startPostgres({ dataDir, settings, watcher }: PostgresOptions): Promise<EmbeddedPostgres> {
	const folder = openFolder(dataDir);
	const release = lockFolder(folder);
	try {
		const data = join(folder, "postgres");
		const account = accountFor(folder, data);
		const setup = {
			data,
			lock: join(folder, "postgres.lock"),
			log: join(folder, "postgres.log"),
			binaries: findBinaries(),
			wrap: runAs(account, "DATABASE_URL"),
			settings: { ...defaults, ...settings },
		};
		const passwordFile = join(folder, "postgres.password");
		const password = keptSecret(passwordFile);
		await stopLeftover(data);
		if (existsSync(data)) await refuseOtherMajor(setup);
		else await initialize(setup, account, { name, passwordFile });

		let port: number | undefined;
		const stopServer = await keepRunning(
			{
				name: "The embedded PostgreSQL",
				async start(stopping) {
					await stopLeftover(data);
					const server = await launch(setup, stopping, port);
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

/** The user that PostgreSQL runs as. It refuses to run as root, and to use data of another user. */
function accountFor(folder: string, data: string): Account {
	if (weAreRoot) return existsSync(data) ? statSync(data) : (ownerOf(folder) ?? nobody);
	return statSync(folder);
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
