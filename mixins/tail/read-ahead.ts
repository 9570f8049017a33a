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
		}
		if (this.#rows.length === 0 && position.restoredBy !== null) {
			this.#rows = await transaction.query(this.#source.readRestored, [position.xid, position.key, this.#limits.rows]);
		} else {
			while (this.#rows.length === 0 && (this.#readTo ?? 0n) < BigInt(horizon)) {
				await this.#readWindow(transaction, position, BigInt(horizon));
			}
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

	async #readWindow(transaction: Transaction, { xid, key, restoredTo }: Position, horizon: bigint): Promise<void> {
		const isBehind = this.#readTo !== undefined && this.#readTo > BigInt(xid);
		const begin = isBehind ? String(this.#readTo) : xid;
		const end = smaller(BigInt(begin) + this.#width, horizon);
		const values = [begin, isBehind ? this.#source.firstKey : key, String(end), this.#limits.rows, restoredTo];
		try {
			this.#rows = await transaction.query(this.#source.read, values);
		} catch (error) {
			// It may have been too much for one statement.
			this.#width = larger(this.#width / 16n, 1n);
			throw error;
		}
		const isFull = this.#rows.length === this.#limits.rows;
		this.#readTo = isFull ? undefined : end;
		if (isFull) this.#width = larger(this.#width / 2n, 1n);
		else if (end === horizon) this.#width = this.#limits.firstWidth;
		else if (this.#rows.length < this.#limits.rows / 4) this.#width *= 2n;
	}
}

const smaller = (a: bigint, b: bigint) => (a < b ? a : b);
const larger = (a: bigint, b: bigint) => (a > b ? a : b);

function isSame(a: Position | undefined, b: Position): boolean {
	return a?.xid === b.xid && a.restoredBy === b.restoredBy && JSON.stringify(a.key) === JSON.stringify(b.key);
}
