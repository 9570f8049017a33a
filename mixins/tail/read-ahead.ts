import type { Transaction } from "../database.ts";
import type { Place, Position } from "./position.ts";
import { type Found, type Rows, type Source, type SourceName, sources } from "./sources.ts";

export interface ReadLimits {
	/** Keys that one reading gets at most. They are a few megabytes. */
	rows: number;
	/** How many transaction numbers the first reading covers. */
	firstWidth: bigint;
}

const byDefault: ReadLimits = { rows: 20_000, firstWidth: 10_000n };

/** The next rows, and the position after them. */
export interface Next<Name extends SourceName> {
	rows: Found<Rows[Name]>[];
	end: Position;
}

/**
 * Reads the rows behind a position, in order, many at once, and keeps those that do not fit into the batch. Reading 20,000 keys and
 * keeping them costs a fifth of reading 500 for each batch (docs/adr/0026-tail-reader.md).
 *
 * 1. PostgreSQL sorts all rows of a reading. So a reading covers a window of transaction numbers. The window becomes narrower where
 *    there are many rows, and wider where there are few.
 * 2. A transaction with more rows than one reading gets would be sorted as a whole by each reading. Therefore it is read along the
 *    primary key.
 * 3. Rows that are kept were committed and written to disk, so a crash of PostgreSQL does not lose them. They are forgotten when
 *    the position is not the expected one, and when the server is another one or was started again: a standby that was promoted
 *    and a restored backup may lack them.
 * 4. After a crash PostgreSQL may use numbers again that were rolled back. A reading finds nothing for such a number, so what was
 *    read is used further only after the batch was committed. This transaction moves the position and has a higher number. Its
 *    commit makes sure that no number below it is used again.
 */
export class ReadAhead<Name extends SourceName> {
	readonly #source: Source;
	readonly #limits: ReadLimits;
	/** `#rows` follow this position. */
	#after: Position | undefined;
	#rows: Found<Rows[Name]>[] = [];
	/** The position after the last of `#rows`. */
	#end: Position | undefined;
	#server: string | undefined;
	/** The batch of the last reading was committed. */
	#isCommitted = false;
	#width: bigint;
	/** The next reading goes along the primary key. */
	#isByKey = false;

	constructor(name: Name, limits = byDefault) {
		this.#source = sources[name];
		this.#limits = limits;
		this.#width = limits.firstWidth;
	}

	/** The next rows, at most `maxRows` and about `maxBytes`, but at least one if there is any. Null: there is nothing to do. */
	async next(transaction: Transaction, place: Place, maxRows: number, maxBytes: number): Promise<Next<Name> | null> {
		const { position, server } = place;
		if (!isSame(this.#after, position) || this.#server !== server) {
			this.#after = position;
			this.#server = server;
			this.#rows = [];
			this.#isByKey = false;
		}
		if (this.#rows.length === 0 || !this.#isCommitted) {
			this.#isCommitted = false;
			this.#rows = [];
			await this.#read(transaction, place);
		}
		const end = this.#end ?? position;
		if (this.#rows.length === 0) return this.#isWorthMoving(position, end) ? { rows: [], end } : null;
		const count = countWithin(this.#rows, maxRows, maxBytes);
		const rows = this.#rows.slice(0, count);
		return { rows, end: count === this.#rows.length ? end : after(rows, position) };
	}

	/** So many of the rows have been worked, and the position is now this. */
	worked(count: number, position: Position): void {
		this.#rows.splice(0, count);
		this.#after = position;
		this.#isCommitted = true;
	}

	async #read(transaction: Transaction, { position, horizon }: Place): Promise<void> {
		this.#end = position;
		if (position.restoredBy !== null) return this.#readRestored(transaction, position, position.restoredBy);
		const to = BigInt(horizon);
		while (this.#rows.length === 0 && BigInt(this.#end.xid) < to) {
			const begin: Position = this.#end;
			try {
				this.#end = await (this.#isByKey ? this.#readByKey(transaction, begin) : this.#readWindow(transaction, begin, to));
			} catch (error) {
				// It may have been too much for one statement. A transaction that is too large by the one way is read by the other.
				if (this.#width === 1n) this.#isByKey = !this.#isByKey;
				this.#width = larger(this.#width / 16n, 1n);
				throw error;
			}
			// The position moves to where the next narrow window begins, so that a reading that fails there does not begin here again.
			if (this.#isNarrow) return;
		}
	}

	async #readWindow(transaction: Transaction, begin: Position, horizon: bigint): Promise<Position> {
		const { xid, key, restoredTo } = begin;
		const to = smaller(BigInt(xid) + this.#width, horizon);
		const { rows: limit, firstWidth } = this.#limits;
		this.#rows = await transaction.query(this.#source.read, [xid, key, String(to), limit, restoredTo]);
		if (this.#rows.length === limit) {
			this.#isByKey = this.#rows[0]?.xid === this.#rows.at(-1)?.xid;
			this.#width = this.#isByKey ? 1n : larger(this.#width / 2n, 1n);
			return after(this.#rows, begin);
		}
		if (to === horizon) this.#width = firstWidth;
		else if (this.#rows.length < limit / 4) this.#width *= 2n;
		return this.#beginOf(to, begin);
	}

	/** Reads the rest of the transaction `begin.xid`. */
	async #readByKey(transaction: Transaction, begin: Position): Promise<Position> {
		const { xid, key, restoredTo } = begin;
		const { rows: limit } = this.#limits;
		this.#rows = await transaction.query(this.#source.readTransaction, [xid, key, limit, restoredTo]);
		if (this.#rows.length === limit) return after(this.#rows, begin);
		this.#isByKey = false;
		return this.#beginOf(BigInt(xid) + 1n, begin);
	}

	async #readRestored(transaction: Transaction, position: Position, restoredBy: string): Promise<void> {
		const { xid, key } = position;
		this.#rows = await transaction.query(this.#source.readRestored, [xid, key, this.#limits.rows]);
		this.#end =
			this.#rows.length > 0
				? after(this.#rows, position)
				: { xid: restoredBy, key: this.#source.firstKey, restoredBy: null, restoredTo: xid };
	}

	/** The position before all rows of this transaction and of those with higher numbers. */
	#beginOf(xid: bigint, position: Position): Position {
		return { ...position, xid: String(xid), key: this.#source.firstKey };
	}

	/** The window was made narrower than at first, and has not been widened again. */
	get #isNarrow(): boolean {
		return this.#width < this.#limits.firstWidth;
	}

	/** Whether the position is moved although there are no rows. It stays where it is while little happens. */
	#isWorthMoving(position: Position, end: Position): boolean {
		if (position.restoredBy !== end.restoredBy) return true;
		const distance = BigInt(end.xid) - BigInt(position.xid);
		return distance >= this.#limits.firstWidth || (distance > 0n && this.#isNarrow);
	}
}

function after<Row>(rows: Found<Row>[], position: Position): Position {
	const last = rows.at(-1);
	return last ? { ...position, xid: last.xid, key: last.key } : position;
}

/** How many of these rows, of which there is at least one, are a batch. */
function countWithin<Row>(rows: Found<Row>[], maxRows: number, maxBytes: number): number {
	let [count, bytes] = [0, 0];
	for (const row of rows) {
		bytes += row.bytes;
		if (count > 0 && (count === maxRows || bytes > maxBytes)) break;
		count++;
	}
	return count;
}

const smaller = (a: bigint, b: bigint) => (a < b ? a : b);
const larger = (a: bigint, b: bigint) => (a > b ? a : b);

function isSame(a: Position | undefined, b: Position): boolean {
	return a?.xid === b.xid && a.restoredBy === b.restoredBy && JSON.stringify(a.key) === JSON.stringify(b.key);
}
