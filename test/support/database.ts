import { randomUUID } from "node:crypto";
import pg from "pg";

export interface TestDatabase {
	url: string;
	/** Also ends connections that are still open. */
	drop(): Promise<void>;
}

/** A new empty database on the server of this test run. */
export async function createDatabase(): Promise<TestDatabase> {
	const name = `test_${randomUUID().replaceAll("-", "")}`;
	await execute(`CREATE DATABASE ${name}`);
	return {
		url: new URL(`/${name}`, serverUrl()).href,
		drop: () => execute(`DROP DATABASE ${name} WITH (FORCE)`),
	};
}

async function execute(sql: string): Promise<void> {
	const client = new pg.Client({ connectionString: serverUrl() });
	await client.connect();
	try {
		await client.query(sql);
	} finally {
		await client.end();
	}
}

function serverUrl(): string {
	const url = process.env.TEST_DATABASE_URL;
	if (!url) throw new Error("TEST_DATABASE_URL is not set: run the tests by Jest, whose global setup starts the server.");
	return url;
}
