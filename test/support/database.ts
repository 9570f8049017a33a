import { randomUUID } from "node:crypto";
import pg from "pg";

export interface TestDatabase {
	url: string;
	/** Also ends connections that are still open. */
	drop(): Promise<void>;
}

/** What global setup migrates once, for `createMigratedDatabase` to copy. */
export const templateName = "parley_template";

/** A new empty database on the server of this test run. */
export function createDatabase(): Promise<TestDatabase> {
	return create("template1");
}

/** A new database with all tables and no row in them. */
export function createMigratedDatabase(): Promise<TestDatabase> {
	return create(templateName);
}

/** Runs one statement on a connection of its own, to look at what is in a database, or to put something there. */
export async function query<Row extends object = Record<string, unknown>>(
	url: string,
	sql: string,
	values: unknown[] = [],
): Promise<Row[]> {
	const client = new pg.Client({ connectionString: url });
	// A server that is restarted breaks the connection, also directly before or after the statement, which rejects by itself.
	client.on("error", () => {});
	await client.connect();
	try {
		return (await client.query<Row>(sql, values)).rows;
	} finally {
		await client.end();
	}
}

/** Runs `work` while a transaction that has executed this statement is open; then it commits. */
export async function holding(
	url: string,
	sql: string,
	values: unknown[],
	work: (waiting: () => Promise<number>) => Promise<void>,
) {
	const client = new pg.Client({ connectionString: url });
	await client.connect();
	try {
		await client.query("begin");
		await client.query(sql, values);
		await work(async () => {
			const { rows } = await client.query<{ count: number }>(waitingSql);
			return rows[0]?.count ?? 0;
		});
		await client.query("commit");
	} finally {
		await client.end();
	}
}

/** How many statements on this database wait for a lock. */
const waitingSql = `select count(*)::int from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;

/** Where another database of the same server is. */
export function databaseUrl(url: string, name: string): string {
	return new URL(`/${name}`, url).href;
}

async function create(template: string): Promise<TestDatabase> {
	const name = `test_${randomUUID().replaceAll("-", "")}`;
	await query(serverUrl(), `create database ${name} template ${template}`);
	return {
		url: databaseUrl(serverUrl(), name),
		drop: async () => {
			await query(serverUrl(), `drop database ${name} with (force)`);
		},
	};
}

function serverUrl(): string {
	const url = process.env.TEST_DATABASE_URL;
	if (!url) throw new Error("TEST_DATABASE_URL is not set: run the tests by Jest, whose global setup starts the server.");
	return url;
}
