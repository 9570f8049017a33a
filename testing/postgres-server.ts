import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { startPostgres } from "../embedded/postgres.ts";
import { runAs } from "../embedded/unprivileged.ts";
import { OsProcess } from "./processes.ts";

/** A PostgreSQL for one test, which can be stopped and started again under the same URL. */
export interface PostgresServer {
	url: string;
	pid(): number;
	/**
	 * Stops it by a fast shutdown, which ends every session, and starts it. With `crash`, the start recovers the data from the log.
	 */
	restart(options?: { crash?: boolean }): Promise<void>;
	stop(): Promise<void>;
}

/** Starts it with its data in `dataDir`, and with fsync as in production. */
export async function startPostgresServer(dataDir: string): Promise<PostgresServer> {
	// The embedded start makes the data and finds a port. Later starts use the command line that the server has written to a file.
	const embedded = await startPostgres({ dataDir, settings: { max_connections: "300" } });
	const data = join(dataDir, "postgres");
	const [program = "", ...parameters] = wordsOf(readFileSync(join(data, "postmaster.opts"), "utf8"));
	await embedded.stop();
	const [file, args] = runAs(statSync(data), "DATABASE_URL")(program, parameters);
	const server = new OsProcess({
		name: "postgres",
		file,
		args,
		env: {},
		logFile: join(dataDir, "postgres.log"),
		isReady: () => answers(embedded.url),
	});
	await server.start();
	return {
		url: embedded.url,
		pid: () => server.pid,
		async restart({ crash = false } = {}) {
			await server.end(crash ? "SIGQUIT" : "SIGINT");
			await server.start();
		},
		stop: () => server.end("SIGINT"),
	};
}

function wordsOf(commandLine: string): string[] {
	return [...commandLine.trim().matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
}

async function answers(url: string): Promise<boolean> {
	const client = new pg.Client({ connectionString: url });
	try {
		await client.connect();
		await client.query("select 1");
		return true;
	} finally {
		await client.end();
	}
}
