import { type Database, statement } from "../database.ts";
import type { Position } from "./position.ts";
import { type SourceName, sources } from "./sources.ts";

/** How far a consumer is behind. */
export interface Lag {
	/** Rows that it has not worked yet, counted up to 10,000. */
	rows: number;
	/** The age of the oldest of these rows. 0 when there are none. */
	seconds: number;
}

export const maxCountedRows = 10_000;

/** The lag of the consumer with this name. Null when there is no such consumer. */
export async function lagOf(db: Database, name: string): Promise<Lag | null> {
	const [stored] = await db.query<Pick<Position, "xid" | "key"> & { source: SourceName }>(positionStatement, [name]);
	if (!stored) return null;
	const { xid, key, source } = stored;
	const { firstKey, lag } = sources[source];
	const [found] = await db.query<Lag>(lag, [xid, key.length === 0 ? firstKey : key, maxCountedRows]);
	return found ?? null;
}

const positionStatement = statement(
	"tail.position",
	"select source, coalesce(restored_by, xid)::text as xid, key from consumers where name = $1",
);
