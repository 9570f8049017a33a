import { ParleyError } from "../../lib/errors.ts";
import { statement, type Transaction } from "../database.ts";
import { type SourceName, sources } from "./sources.ts";

/**
 * How far a consumer has worked: all rows up to this one. Rows are in the order of (xid, key).
 *
 * A dump may be restored into a cluster with lower transaction numbers than the one that it comes from. Then the position is higher
 * than the numbers of new rows, and must go back:
 *
 * 1. Such a position is recognized: the transaction that wrote it has a lower number than the position itself. This transaction is
 *    noted in `restoredBy`. New rows have higher numbers than it.
 * 2. While `restoredBy` is set, only rows are read that the dump brought: those behind the position.
 * 3. When there are no more, the position goes back to `restoredBy`. `restoredTo` is the highest number of the dump. Rows with a
 *    number up to it are read only if this cluster has written them.
 */
export interface Position {
	xid: string;
	key: string[];
	restoredBy: string | null;
	restoredTo: string | null;
}

/** A position, and the state of the database at this moment. */
export interface Place {
	position: Position;
	/** The oldest transaction that is still running. All rows of those before it can be seen. */
	horizon: string;
	/** When the server was started: another one after a failover, and after a backup was restored. */
	server: string;
}

export interface Consumer {
	name: string;
	source: SourceName;
	/** Where it begins when it does not exist yet: with the rows that exist already, or with those that come. */
	from: "beginning" | "now";
}

/**
 * The consumer's place; null when the consumer does not exist.
 * @throws UNAVAILABLE on a standby, which may be behind
 */
export async function placeOf(transaction: Transaction, { name, source }: Consumer): Promise<Place | null> {
	const [stored] = await transaction.query<StoredPlace>(placeStatement, [name]);
	if (!stored) return null;
	if (stored.isStandby) throw new ParleyError("UNAVAILABLE");
	if (stored.source !== source) throw new Error(`The consumer ${name} reads ${stored.source}, not ${source}`);
	const { horizon, server, xid, restoredBy, restoredTo } = stored;
	const key = stored.key.length === 0 ? sources[source].firstKey : stored.key;
	const position = { xid, key, restoredBy, restoredTo };
	if (!stored.isOfOtherCluster || restoredBy !== null) return { position, horizon, server };
	const restored = { ...position, restoredBy: stored.writtenBy };
	await move(transaction, name, position, restored);
	return { position: restored, horizon, server };
}

/** Makes the consumer. */
export async function createConsumer(transaction: Transaction, { name, source, from }: Consumer): Promise<void> {
	await transaction.query(createStatement, [name, source, from === "beginning"]);
}

/** @throws when the position is not what it was: it was set by hand meanwhile */
export async function move(transaction: Transaction, name: string, from: Position, to: Position): Promise<void> {
	const values = [name, from.xid, to.xid, to.key, to.restoredBy, to.restoredTo];
	const { length } = await transaction.query(moveStatement, values);
	if (length !== 1) throw new Error(`The position of the consumer ${name} was changed meanwhile`);
}

interface StoredPlace extends Position {
	source: SourceName;
	server: string;
	isStandby: boolean;
	isOfOtherCluster: boolean;
	writtenBy: string;
	horizon: string;
}

/**
 * The column `xmin` has the lower 32 bits of the number of the transaction that wrote the row. The whole number is the highest one
 * below the snapshot's xmax that has these bits.
 */
const placeStatement = statement(
	"tail.place",
	`
	select xid::text, key, restored_by::text as "restoredBy", restored_to::text as "restoredTo", source,
		pg_is_in_recovery() as "isStandby", extract(epoch from pg_postmaster_start_time())::text as server,
		written_by < xid::text::bigint as "isOfOtherCluster", written_by::text as "writtenBy",
		pg_snapshot_xmin(pg_current_snapshot())::text as horizon
	from (
		select *, ceiling - ((ceiling - (xmin::text)::bigint) % 4294967296 + 4294967296) % 4294967296 as written_by
		from (
			select *, xmin, pg_snapshot_xmax(pg_current_snapshot())::text::bigint as ceiling from consumers where name = $1
		) as mine
	) as written`,
);

const createStatement = statement(
	"tail.create",
	`insert into consumers (name, source, xid, key)
	values ($1, $2, case when $3 then '0'::xid8 else pg_snapshot_xmin(pg_current_snapshot()) end, '{}')`,
);

const moveStatement = statement(
	"tail.move",
	`update consumers set xid = $3::xid8, key = $4, restored_by = $5::xid8, restored_to = $6::xid8, moved_at = now()
	where name = $1 and xid = $2::xid8 returning name`,
);
