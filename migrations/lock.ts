import { setTimeout as delay } from "node:timers/promises";
import type pg from "pg";

/** How long to wait for another node's migrations, and who is told about it. */
export interface Waiting {
	waitMs: number;
	/** Gets one line. */
	note(line: string): void;
}

/** Any constant does, as long as nothing else in the database uses it for an advisory lock. */
const lockKey = 7_275_395;

const pollMs = 200;

/** A migration of a large table takes minutes. A node that ends after that is started again, and waits again. */
const byDefault: Waiting = { waitMs: 600_000, note: (line) => process.stderr.write(`${line}\n`) };

/** Takes the lock for the session of `client`, whose end gives it back. */
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

/** Undefined when the lock was given back meanwhile. Host and state are only for those who may see them. */
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
