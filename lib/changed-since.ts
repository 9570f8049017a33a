/**
 * SQL: whether the transaction in `column` (xid8) may be unknown to somebody who has seen all below `since`. What a snapshot
 * sees was written by a transaction below its xmax. A row with a higher number was restored from a dump of a database that
 * was further on: it says nothing here, and counts as old until it is changed again.
 */
export const changedSince = (column: string, since: string) =>
	`(${column} >= ${since}::xid8 and ${column} < (select pg_snapshot_xmax(pg_current_snapshot())))`;
