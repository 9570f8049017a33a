import { startEmbedded } from "../embedded/start.ts";
import { loadConfig } from "../lib/config/config.ts";
import { migrate } from "../migrations/migrate.ts";

/** `npm run migrate`: applies the missing migrations and exits. Nodes do the same when they start. */
try {
	// Without services, only a database is needed.
	const { config, stop } = await startEmbedded({ ...loadConfig(), services: [] });
	try {
		const applied = await migrate(config.databaseUrl);
		process.stdout.write(applied.length > 0 ? `Applied ${applied.join(", ")}.\n` : "The database is up to date.\n");
	} finally {
		await stop();
	}
} catch (error) {
	process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
	process.exitCode = 1;
}
