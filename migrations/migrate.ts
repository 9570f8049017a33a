import pg from "pg";
import { Umzug } from "umzug";
import { connectTimeoutMs } from "../lib/timeouts.ts";
import { migrations } from "./index.ts";

/** Any constant does, as long as nothing else in the database uses it for an advisory lock. */
const lockKey = 7_275_395;

/**
 * Brings the database up to date and returns the names of what was applied. Nodes that start at once queue at an advisory
 * lock: one migrates, the others find nothing left to do. Each migration and its record are one transaction.
 */
export async function migrate(databaseUrl: string): Promise<string[]> {
	const client = new pg.Client({
		connectionString: databaseUrl,
		connectionTimeoutMillis: connectTimeoutMs,
		application_name: "parley migrate",
		keepAlive: true,
		// Waiting for another node that migrates, or building an index, may take long, whatever limits the database sets.
		options: "-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0",
	});
	try {
		await client.connect();
	} catch (cause) {
		throw new Error(`The database that DATABASE_URL names does not let us in: ${(cause as Error).message}`, { cause });
	}
	try {
		await client.query("select pg_advisory_lock($1)", [lockKey]);
		await client.query(
			"create table if not exists migrations (name text primary key, applied_at timestamptz not null default now())",
		);
		const applied = await umzugOf(client).up();
		return applied.map(({ name }) => name);
	} finally {
		// Ends the session, and with it the lock.
		await client.end();
	}
}

function umzugOf(client: pg.Client) {
	return new Umzug({
		migrations: Object.entries(migrations).map(([name, sql]) => ({ name, up: () => apply(client, name, sql) })),
		storage: {
			// Recorded by `apply`, within the migration's own transaction.
			async logMigration() {},
			async unlogMigration() {},
			async executed() {
				const { rows } = await client.query<{ name: string }>("select name from migrations order by name");
				return rows.map(({ name }) => name);
			},
		},
		logger: undefined,
	});
}

async function apply(client: pg.Client, name: string, sql: string): Promise<void> {
	await client.query("begin");
	try {
		await client.query(sql);
		await client.query("insert into migrations (name) values ($1)", [name]);
		await client.query("commit");
	} catch (error) {
		await client.query("rollback");
		throw error;
	}
}
