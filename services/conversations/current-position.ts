import { ParleyError } from "../../lib/errors.ts";
import { type Database, statement } from "../../mixins/database.ts";

/** Where the database is now: what `sync` gives out as a cursor. */
export interface CurrentPosition {
	identity: string;
	xid: string;
}

/**
 * Asked before anything is read: what commits in between is told now and once more the next time. A standby may be behind
 * what the client knows already, so it says nothing.
 */
export async function currentPosition(db: Database): Promise<CurrentPosition> {
	const [position] = await db.query<CurrentPosition | { identity: null }>(positionStatement);
	if (!position || position.identity === null) throw new ParleyError("UNAVAILABLE");
	return position;
}

/**
 * The cluster, its timeline (a failover may have lost commits, and uses their numbers again), the database and the table in
 * it (a dump may be restored into either). The name of the WAL file that is being written begins with the timeline, from the
 * moment of a promotion on; the control file tells it only after the next checkpoint. A standby writes none.
 */
const positionStatement = statement(
	"conversations.position",
	`select case when not pg_is_in_recovery() then concat_ws('.',
			(select system_identifier from pg_control_system()),
			left(pg_walfile_name(pg_current_wal_insert_lsn()), 8),
			(select oid from pg_database where datname = current_database()),
			'conversations'::regclass::oid
		) end as identity,
		pg_snapshot_xmin(pg_current_snapshot())::text as xid`,
);
