import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { sqlState } from "../lib/sqlstate.ts";
import { findBinaries, initialize, refuseOtherMajor } from "./cluster.ts";
import { EmbeddedError } from "./error.ts";
import { keepRunning, type Watcher } from "./keep-running.ts";
import { lockFolder } from "./lock.ts";
import { openFolder, ownerOf } from "./ownership.ts";
import { launch, shutDown, stopLeftover } from "./postmaster.ts";
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
	const folder = openFolder(dataDir);
	const release = lockFolder(folder);
	try {
		const data = join(folder, "postgres");
		const account = accountFor(folder, data);
		const site = {
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
		if (existsSync(data)) await refuseOtherMajor(site);
		else await initialize(site, account, { name, passwordFile });

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

/** PostgreSQL refuses to run as root, and to serve the data of another user. */
function accountFor(folder: string, data: string): Account {
	if (weAreRoot) return existsSync(data) ? statSync(data) : (ownerOf(folder) ?? nobody);
	return statSync(folder);
}

async function ensureDatabase(url: string): Promise<void> {
	try {
		await query(url, "SELECT 1");
	} catch (error) {
		if ((error as pg.DatabaseError).code !== sqlState.invalidCatalogName) throw error;
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
