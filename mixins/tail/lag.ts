import { type Database, statement } from "../database.ts";
import type { Position } from "./position.ts";
import { type SourceName, sources } from "./sources.ts";

/** How far a consumer is behind. */
export interface Lag {
	/** Rows that it has not worked yet, counted up to a limit. */
	rows: number;
	/** The age of the oldest of these rows. 0 when there are none. */
	seconds: number;
}

const maxCountedRows = 10_000;

/** The lag of the consumer with this name. Null when there is no such consumer. */
export async function lagOf(db: Database, name: string, maxRows = maxCountedRows): Promise<Lag | null> {
	const [stored] = await db.query<Stored>(positionStatement, [name]);
	if (!stored) return null;
	const { source, xid, key, end, restoredTo } = stored;
	const { firstKey, lag } = sources[source];
	const [found] = await db.query<Lag>(lag, [xid, key.length === 0 ? firstKey : key, end, maxRows, restoredTo]);
	return found ?? null;
}

interface Stored extends Pick<Position, "xid" | "key" | "restoredTo"> {
	source: SourceName;
	/** New rows have lower numbers. While rows of a dump are worked, these are counted. */
	end: string;
}

const positionStatement = statement(
	"tail.position",
	`select source, xid::text, key, restored_to::text as "restoredTo",
		case when restored_by is null then pg_snapshot_xmax(pg_current_snapshot())::text else '9223372036854775807' end as "end"
	from consumers where name = $1`,
);
