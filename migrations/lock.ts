import { setTimeout as delay } from "node:timers/promises";
import type pg from "pg";

/** How long to wait for another node's migrations, and where to log it. */
export interface Waiting {
	waitMs: number;
	/** Logs one line. */
	note(line: string): void;
}

/** An arbitrary constant. Nothing else in the database may use it for an advisory lock. */
const lockKey = 7_275_395;

const pollMs = 200;

/** The migration of a large table takes minutes. A node that gives up exits; its supervisor starts it again, and it waits again. */
const byDefault: Waiting = { waitMs: 600_000, note: (line) => process.stderr.write(`${line}\n`) };

/** Takes the lock for the session of `client`. The end of the session releases it. */
export async function lockMigrations(client: pg.Client, { waitMs, note }: Waiting = byDefault): Promise<void> {
	const deadlineMs = performance.now() + waitMs;
	let holder: string | undefined;
	for (; !(await tryLock(client)); await delay(pollMs)) {
		if (performance.now() >= deadlineMs) {
			throw new Error(
				`The migrations cannot begin: after ${waitMs / 1_000} s another session still holds their lock (${holder}): see what that session does, or end it by pg_terminate_backend`,
			);
		}
		const now = await holderOf(client);
		if (now !== undefined && now !== holder) note(`Waiting for another node's migrations (${now}).`);
		holder = now ?? holder;
	}
}

async function tryLock(client: pg.Client): Promise<boolean> {
	const { rows } = await client.query<{ locked: boolean }>("select pg_try_advisory_lock($1) as locked", [lockKey]);
	return rows[0]?.locked ?? false;
}

/** Describes the session that holds the lock; undefined when the lock has been released meanwhile. */
async function holderOf(client: pg.Client): Promise<string | undefined> {
	const { rows } = await client.query<{ holder: string }>(
		`select concat_ws(', ', 'process ' || pid, nullif(application_name, ''), 'from ' || coalesce(client_addr::text, 'the same machine'),
			'connected since ' || to_char(backend_start at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) as holder
		from pg_locks join pg_stat_activity using (pid)
		where locktype = 'advisory' and granted and classid = 0 and objid = $1 and objsubid = 1
			and pg_locks.database = (select oid from pg_database where datname = current_database())`,
		[lockKey],
	);
	return rows[0]?.holder;
}
