import { type Database, statement, type Transaction } from "../database.ts";
import { type Consumer, createConsumer, move, type Position, placeOf } from "./position.ts";
import type { ReadAhead } from "./read-ahead.ts";
import { type Rows, type SourceName, sources } from "./sources.ts";

/**
 * What a consumer does with new rows, in their order. What it does by `transaction` happens exactly once: it is committed together
 * with the position. What it does elsewhere happens at least once: the position moves afterwards.
 *
 * A row is gone only if it was never committed, but its content may have changed since it was inserted.
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
 * One batch in one transaction: the lock, the position, the rows, the effect, the new position. If anything fails, nothing of it
 * has happened.
 *
 * The lock is of the transaction, so it ends with it whatever happens, and a pooler between us and PostgreSQL does no harm. It is no
 * lock on the row of the consumer: that would give the transaction a number, and a transaction with a number holds back all who
 * read up to the oldest one. So a look that finds nothing holds back nobody.
 */
export async function workBatch<Name extends SourceName>(
	db: Database,
	{ work, maxRows, maxBytes, ...consumer }: Batches<Name>,
	ahead: ReadAhead<Name>,
): Promise<Outcome> {
	const source = sources[consumer.source];
	const done = await db.transaction<Done>(async (transaction) => {
		const [lock] = await transaction.query<{ isLocked: boolean }>(lockStatement, [consumer.name]);
		if (!lock?.isLocked) return { outcome: "busy" };
		const place = await placeOf(transaction, consumer);
		if (!place) {
			// Committed by itself: it must stay although the first batch may fail.
			await createConsumer(transaction, consumer);
			return { outcome: "created" };
		}
		const { position } = place;
		const found = await ahead.next(transaction, place, maxRows, maxBytes);
		const next = nextOf(position, found.at(-1), source.firstKey);
		if (!next) return { outcome: "nothing" };
		if (found.length > 0) {
			const rows = found.map(({ row }) => row);
			await work(rows, transaction);
		}
		await move(transaction, consumer.name, position, next);
		return { outcome: "worked", count: found.length, next };
	});
	// Only now is it certain that the rows were worked.
	if (done.outcome === "worked") ahead.worked(done.count, done.next);
	return done.outcome;
}

type Done = { outcome: "busy" | "nothing" | "created" } | { outcome: "worked"; count: number; next: Position };

/** Null: there is nothing to do. */
function nextOf(position: Position, last: { xid: string; key: string[] } | undefined, firstKey: string[]): Position | null {
	if (last) return { ...position, xid: last.xid, key: last.key };
	if (position.restoredBy === null) return null;
	return { xid: position.restoredBy, key: firstKey, restoredBy: null, restoredTo: position.xid };
}

const lockStatement = statement(
	"tail.lock",
	`select pg_try_advisory_xact_lock(hashtextextended('consumer ' || $1::text, 0)) as "isLocked"`,
);
