import pg from "pg";
import { Umzug } from "umzug";
import { connectTimeoutMs } from "../lib/timeouts.ts";
import { compatible, migrations } from "./index.ts";
import { lockMigrations, type Waiting } from "./lock.ts";

/**
 * Applies the migrations that the database lacks and returns their names. An advisory lock lets one node at a time do this; the
 * others wait and then find nothing to do. Each migration and its record are one transaction.
 * @throws when the database has an incompatible migration that this release does not know, or the lock is not free in time
 */
export async function migrate(databaseUrl: string, waiting?: Waiting): Promise<string[]> {
	const client = new pg.Client({
		connectionString: databaseUrl,
		connectionTimeoutMillis: connectTimeoutMs,
		application_name: "parley migrate",
		keepAlive: true,
		// The wait for another node, and the build of an index, may take longer than the limits that the database sets.
		options: "-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0",
	});
	try {
		await client.connect();
	} catch (cause) {
		throw new Error(`The database that DATABASE_URL names does not let us in: ${(cause as Error).message}`, { cause });
	}
	try {
		await lockMigrations(client, waiting);
		await prepareRecord(client);
		await refuseNewer(client);
		const applied = await umzugOf(client).up();
		return applied.map(({ name }) => name);
	} finally {
		// The end of the session releases the lock.
		await client.end();
	}
}

/** Uses `alter table` only when the column is missing, because it waits for all readers of the table. A dump reads for hours. */
async function prepareRecord(client: pg.Client): Promise<void> {
	await client.query(
		"create table if not exists migrations (name text primary key, applied_at timestamptz not null default now())",
	);
	const { rowCount } = await client.query(
		"select from pg_attribute where attrelid = 'migrations'::regclass and attname = 'compatible' and not attisdropped",
	);
	if (rowCount === 0) await client.query("alter table migrations add column compatible boolean not null default false");
}

/** Throws when a newer release has changed the database: this release could misread or damage its data. */
async function refuseNewer(client: pg.Client): Promise<void> {
	const { rows } = await client.query<{ name: string }>(
		"select name from migrations where not compatible and name <> all ($1) order by name",
		[Object.keys(migrations)],
	);
	if (rows.length === 0) return;
	const names = rows.map(({ name }) => name).join(", ");
	throw new Error(
		`The database is newer than this release, which does not know its migration ${names}: start the release that made it, or a newer one`,
	);
}

function umzugOf(client: pg.Client) {
	return new Umzug({
		migrations: Object.entries(migrations).map(([name, sql]) => ({ name, up: () => apply(client, name, sql) })),
		storage: {
			// `apply` records the migration, in the same transaction.
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
		await client.query("insert into migrations (name, compatible) values ($1, $2)", [name, compatible.has(name)]);
		await client.query("commit");
	} catch (error) {
		await client.query("rollback");
		throw error;
	}
}
