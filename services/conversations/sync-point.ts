import { ParleyError } from "../../lib/errors.ts";
import { type Database, statement } from "../../mixins/database.ts";

/** A point in the database's history, which `sync` gives out as its cursor (docs/adr/0007). */
export interface SyncPoint {
	/** Of the database. Transaction numbers of databases with different identities cannot be compared. */
	identity: string;
	/** The oldest transaction that was running. */
	xid: string;
}

/**
 * The current sync point. Read it before any other data: what commits in between is then in this answer and once more in the next
 * one. UNAVAILABLE from a standby, since it may be behind what the client has.
 */
export async function currentSyncPoint(db: Database): Promise<SyncPoint> {
	const [point] = await db.query<SyncPoint | { identity: null }>(syncPointStatement);
	if (!point || point.identity === null) throw new ParleyError("UNAVAILABLE");
	return point;
}

/**
 * The identity consists of the cluster, its timeline, the database and the table.
 *
 * - A failover may lose commits and use their transaction numbers again, on a new timeline. The timeline is taken from the name
 *   of the current WAL file, which has the new one from the moment of the promotion. The control file has it only after the next
 *   checkpoint. A standby writes no WAL file, so it has no identity.
 * - A dump may be restored into another database, or into the same one, where its tables get new oids.
 */
const syncPointStatement = statement(
	"conversations.position",
	`select case when not pg_is_in_recovery() then concat_ws('.',
			(select system_identifier from pg_control_system()),
			left(pg_walfile_name(pg_current_wal_insert_lsn()), 8),
			(select oid from pg_database where datname = current_database()),
			'conversations'::regclass::oid
		) end as identity,
		pg_snapshot_xmin(pg_current_snapshot())::text as xid`,
);
