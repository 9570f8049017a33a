import { execFileSync } from "node:child_process";
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type EmbeddedPostgres, startPostgres } from "../../embedded/postgres.ts";
import { until } from "../../testing/until.ts";
import { query } from "./database.ts";

/** A primary and a standby that follows it by streaming, as a cluster with failover has them. */
export interface Replicated {
	primary: EmbeddedPostgres;
	standby: EmbeddedPostgres;
	/** Resolves when the standby has all that the primary has committed. */
	caughtUp(): Promise<void>;
	/** Makes the standby the primary; resolves as soon as it takes writes. */
	promote(): Promise<void>;
	stop(): Promise<void>;
}

const settings = { fsync: "off", wal_level: "replica", hot_standby: "on" };

/** `prepare` fills the primary before the standby is made of a copy of it. */
export async function startReplicated(folder: string, prepare: (url: string) => Promise<unknown>): Promise<Replicated> {
	const [primaryDir, standbyDir] = [join(folder, "primary"), join(folder, "standby")];
	const first = await startPostgres({ dataDir: primaryDir, settings });
	await prepare(first.url);
	await first.stop();
	// With owners and modes: the server runs as another user, and insists on both.
	execFileSync("cp", ["-a", primaryDir, standbyDir]);

	const primary = await startPostgres({ dataDir: primaryDir, settings });
	const { hostname, port, username, password } = new URL(primary.url);
	const follow = `host=${hostname} port=${port} user=${username} password=${password}`;
	const data = join(standbyDir, "postgres");
	appendFileSync(join(data, "postgresql.auto.conf"), `primary_conninfo = '${follow}'\n`);
	writeFileSync(join(data, "standby.signal"), "");
	const standby = await startPostgres({ dataDir: standbyDir, settings });
	const valueIn = async (url: string, sql: string) => Object.values((await query(url, sql))[0] ?? {})[0];
	return {
		primary,
		standby,
		async caughtUp() {
			const written = await valueIn(primary.url, "select pg_current_wal_lsn()::text as lsn");
			await until(() => valueIn(standby.url, `select pg_last_wal_replay_lsn() >= '${written}'::pg_lsn as done`));
		},
		async promote() {
			await query(standby.url, "select pg_promote()");
		},
		async stop() {
			await standby.stop();
			await primary.stop();
		},
	};
}
