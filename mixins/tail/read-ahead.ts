import type { Transaction } from "../database.ts";
import type { Place, Position } from "./position.ts";
import { type Found, type Rows, type Source, type SourceName, sources } from "./sources.ts";

export interface ReadLimits {
	/**
	 * Rows in one reading. Sorting the rows of one large transaction costs about the same for 500 as for 20,000 of them, so that many
	 * are read at once and kept. They are keys: a few megabytes.
	 */
	rows: number;
	/** How many transaction numbers the first reading covers after the consumer has caught up. */
	firstWidth: bigint;
}

const byDefault: ReadLimits = { rows: 20_000, firstWidth: 10_000n };

/**
 * Reads the rows behind a position, in order. A reading sorts all rows of its window of transaction numbers, so the window becomes
 * narrower where there are many rows and wider where there are few. What was read is kept as long as nobody else moves the position.
 */
export class ReadAhead<Name extends SourceName> {
	readonly #source: Source;
	#rows: Found<Rows[Name]>[] = [];
	/** `#rows` follow this position. */
	#after: Position | undefined;
	#timeline: string | undefined;
	/** All rows below this number were read. Undefined: those up to the last of `#rows` were. */
	#readTo: bigint | undefined;
	readonly #limits: ReadLimits;
	#width: bigint;
	/** The transaction of the position is read along the primary key. */
	#isByKey = false;

	constructor(name: Name, limits = byDefault) {
		this.#source = sources[name];
		this.#limits = limits;
		this.#width = limits.firstWidth;
	}

	/** The next rows, at most `maxRows` and about `maxBytes`, but at least one. Empty when there are no more. */
	async next(
		transaction: Transaction,
		{ position, horizon, timeline }: Place,
		maxRows: number,
		maxBytes: number,
	): Promise<Found<Rows[Name]>[]> {
		if (!isSame(this.#after, position) || this.#timeline !== timeline) {
			this.#after = position;
			this.#timeline = timeline;
			this.#rows = [];
			this.#readTo = undefined;
			this.#isByKey = false;
		}
		while (this.#rows.length === 0 && position.restoredBy === null && (this.#readTo ?? 0n) < BigInt(horizon)) {
			await this.#read(transaction, position, BigInt(horizon));
		}
		if (this.#rows.length === 0 && position.restoredBy !== null) {
			this.#rows = await transaction.query(this.#source.readRestored, [position.xid, position.key, this.#limits.rows]);
		}
		let [count, bytes] = [0, 0];
		for (const found of this.#rows.slice(0, maxRows)) {
			bytes += found.bytes;
			if (count > 0 && bytes > maxBytes) break;
			count++;
		}
		return this.#rows.slice(0, count);
	}

	/** So many of the rows have been worked, and the position is now this. */
	worked(count: number, position: Position): void {
		this.#rows.splice(0, count);
		this.#after = position;
	}

	async #read(transaction: Transaction, position: Position, horizon: bigint): Promise<void> {
		const begin = this.#beginOf(position);
		try {
			await (this.#isByKey ? this.#readTransaction(transaction, begin) : this.#readWindow(transaction, begin, horizon));
		} catch (error) {
			// It may have been too much for one statement. A transaction that is too large by the one way is read by the other.
			if (this.#width === 1n) this.#isByKey = !this.#isByKey;
			this.#width = larger(this.#width / 16n, 1n);
			throw error;
		}
	}

	#beginOf(position: Position): Position {
		if (this.#readTo === undefined || this.#readTo <= BigInt(position.xid)) return position;
		return { ...position, xid: String(this.#readTo), key: this.#source.firstKey };
	}

	async #readWindow(transaction: Transaction, { xid, key, restoredTo }: Position, horizon: bigint): Promise<void> {
		const end = smaller(BigInt(xid) + this.#width, horizon);
		this.#rows = await transaction.query(this.#source.read, [xid, key, String(end), this.#limits.rows, restoredTo]);
		if (this.#rows.length === this.#limits.rows) {
			this.#readTo = undefined;
			// Each reading of a large transaction would sort all of it.
			this.#isByKey = this.#rows[0]?.xid === this.#rows.at(-1)?.xid;
			this.#width = this.#isByKey ? 1n : larger(this.#width / 2n, 1n);
			return;
		}
		this.#readTo = end;
		if (end === horizon) this.#width = this.#limits.firstWidth;
		else if (this.#rows.length < this.#limits.rows / 4) this.#width *= 2n;
	}

	async #readTransaction(transaction: Transaction, { xid, key, restoredTo }: Position): Promise<void> {
		this.#rows = await transaction.query(this.#source.readTransaction, [xid, key, this.#limits.rows, restoredTo]);
		if (this.#rows.length === this.#limits.rows) {
			this.#readTo = undefined;
			return;
		}
		this.#readTo = BigInt(xid) + 1n;
		this.#isByKey = false;
	}
}

const smaller = (a: bigint, b: bigint) => (a < b ? a : b);
const larger = (a: bigint, b: bigint) => (a > b ? a : b);

function isSame(a: Position | undefined, b: Position): boolean {
	return a?.xid === b.xid && a.restoredBy === b.restoredBy && JSON.stringify(a.key) === JSON.stringify(b.key);
}
