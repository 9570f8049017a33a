import { type Database, statement, type Transaction } from "../database.ts";
import { type Consumer, createConsumer, move, type Position, placeOf } from "./position.ts";
import type { ReadAhead } from "./read-ahead.ts";
import type { Rows, SourceName } from "./sources.ts";

/**
 * What a consumer does with new rows, in their order. What it does by `transaction` happens exactly once, because it is committed
 * together with the position. What it does elsewhere happens at least once, because the position moves afterwards.
 *
 * The rows exist, but their content may have changed since they were inserted.
 */
export type Work<Name extends SourceName> = (rows: Rows[Name][], transaction: Transaction) => Promise<void>;

export interface Batches<Name extends SourceName> extends Consumer {
	source: Name;
	work: Work<Name>;
	/** A batch is one transaction, which should take well below a second. */
	maxRows: number;
	maxBytes: number;
}

/** `created`: the consumer is new, and has not looked yet. `busy`: another node works this consumer now. */
export type Outcome = "created" | "worked" | "nothing" | "busy";

/**
 * One batch in one transaction: the lock, the position, the rows, the effect, the new position. If one of them fails, the
 * transaction is rolled back.
 *
 * The lock belongs to the transaction, so it always ends with it, and it works through a pooler. It is not a lock on the consumer's
 * row, because that would give the transaction a number, and all readers wait for the oldest transaction that has a number. So a
 * look that finds nothing holds up nobody.
 */
export async function workBatch<Name extends SourceName>(
	db: Database,
	{ work, maxRows, maxBytes, ...consumer }: Batches<Name>,
	ahead: ReadAhead<Name>,
): Promise<Outcome> {
	const done = await db.transaction<Done>(async (transaction) => {
		const [lock] = await transaction.query<{ isLocked: boolean }>(lockStatement, [consumer.name]);
		if (!lock?.isLocked) return { outcome: "busy" };
		const place = await placeOf(transaction, consumer);
		if (!place) {
			// Committed by itself: it must stay although the first batch may fail.
			await createConsumer(transaction, consumer);
			return { outcome: "created" };
		}
		const next = await ahead.next(transaction, place, maxRows, maxBytes);
		if (!next) return { outcome: "nothing" };
		const rows = next.rows.map(({ row }) => row);
		if (rows.length > 0) await work(rows, transaction);
		await move(transaction, consumer.name, place.position, next.end);
		return { outcome: "worked", count: rows.length, end: next.end };
	});
	// Not before the commit: until then the batch may fail.
	if (done.outcome === "worked") ahead.worked(done.count, done.end);
	return done.outcome;
}

type Done = { outcome: "busy" | "nothing" | "created" } | { outcome: "worked"; count: number; end: Position };

const lockStatement = statement(
	"tail.lock",
	`select pg_try_advisory_xact_lock(hashtextextended('consumer ' || $1::text, 0)) as "isLocked"`,
);
