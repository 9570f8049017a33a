/**
 * An SQL condition: the transaction in `column` (xid8) may have committed after a cursor with the transaction number `since` was given
 * out. A transaction that a snapshot sees has a number below the snapshot's xmax. A row with a higher number comes from a dump of a
 * database with higher transaction numbers; it counts as unchanged until it is written again (docs/adr/0007).
 */
export const changedSince = (column: string, since: string) =>
	`(${column} >= ${since}::xid8 and ${column} < (select pg_snapshot_xmax(pg_current_snapshot())))`;
