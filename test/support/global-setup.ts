import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EmbeddedPostgres, startPostgres } from "../../embedded/postgres.ts";
import { migrate } from "../../migrations/migrate.ts";
import { databaseUrl, query, templateName } from "./database.ts";

/** What the teardown needs; Jest shares nothing but globals between the two. */
export interface TestRun {
	dataDir: string;
	postgres: EmbeddedPostgres;
}

/** One PostgreSQL for the whole run, found by the tests through TEST_DATABASE_URL. */
export default async function setup(): Promise<void> {
	const dataDir = mkdtempSync(join(tmpdir(), "parley-test-"));
	// Nobody's data: a power cut may have it.
	const postgres = await startPostgres({
		dataDir,
		settings: { fsync: "off", synchronous_commit: "off", full_page_writes: "off", max_connections: "300" },
	});
	await query(postgres.url, `create database ${templateName}`);
	await migrate(databaseUrl(postgres.url, templateName));
	process.env.TEST_DATABASE_URL = postgres.url;
	Object.assign(globalThis, { testRun: { dataDir, postgres } satisfies TestRun });
}
