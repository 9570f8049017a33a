import { type Statement, statement } from "../database.ts";

/** A new message. Its content is not here: a consumer reads what it needs by this key. */
export interface NewMessage {
	conversationId: string;
	seq: number;
	senderId: string;
	/** When it was sent. An imported message may have an old time. */
	createdAt: string;
}

/** A new receipt, complete: it never changes. */
export interface NewReceipt {
	conversationId: string;
	userId: string;
	kind: "delivered" | "read";
	upToSeq: number;
	at: string;
}

/** The rows of each table that has a tail. */
export interface Rows {
	messages: NewMessage;
	receipts: NewReceipt;
}

export type SourceName = keyof Rows;

/** A row that was found: its place in the order, and what a consumer gets. */
export interface Found<Row> {
	xid: string;
	/** The primary key as texts. */
	key: string[];
	/** About how many bytes the consumer has to handle for this row. */
	bytes: number;
	row: Row;
}

export interface Source {
	/** A key before all others. A position with this key is before the first row of its transaction. */
	firstKey: string[];
	/**
	 * Rows behind ($1 xid, $2 key) with a number below $3, in order, at most $4. $5 is null, or the number up to which rows may come
	 * from a dump. Of the rows up to this number only those are given that were written here.
	 */
	read: Statement;
	/** The rest of the transaction $1 behind the key $2, at most $3, along the primary key. $4 is the $5 of `read`. */
	readTransaction: Statement;
	/** Rows from a dump behind ($1 xid, $2 key), in order, at most $3. */
	readRestored: Statement;
	/** How many rows `read` would give, and how old the oldest of them is, in seconds. The parameters are the same. */
	lag: Statement;
}

interface Parts {
	/** The primary key: columns and their types. */
	key: Record<string, string>;
	firstKey: string[];
	/** Further columns of the row for the consumer, other than the key. */
	columns?: string[];
	/** SQL: the row as the consumer gets it, as JSON. */
	row: string;
	/** SQL: about how many bytes the consumer has to handle. */
	bytes: string;
	/** SQL: when the row was inserted. Only the lag uses it. */
	insertedAt: string;
	/** SQL: whether the transaction `created_xid` of this cluster wrote the row. A row from a dump was written by the restore. */
	isWrittenHere: string;
}

/** The BRIN index is over this expression, because BRIN has no operator class for `xid8`. */
const number = "(r.created_xid::text::bigint)";

/**
 * Only keys are sorted, so that the first 20,000 of a million fit into `work_mem` and nothing is written to disk. `created_xid` is
 * cast to a bigint only where the index needs it, because the cast costs time for each row.
 */
function source(table: SourceName, parts: Parts): Source {
	const { key, firstKey, columns = [], row, bytes, insertedAt, isWrittenHere } = parts;
	const keyColumns = Object.keys(key).map((column) => `r.${column}`);
	const order = ["r.created_xid", ...keyColumns].join(", ");
	const keyValues = Object.values(key).map((type, i) => `(($2::text[])[${i + 1}])::${type}`);
	const behind = `${number} >= $1::bigint and (${order}) > ($1::bigint::text::xid8, ${keyValues})`;
	const isOfHere = (restoredTo: string) =>
		`(${restoredTo}::text is null or r.created_xid > ${restoredTo}::text::xid8 or ${isWrittenHere})`;
	const inWindow = `${behind} and ${number} < $3::bigint and ${isOfHere("$5")}`;
	const select = (condition: string, limit: string) => `
		select r.created_xid::text as xid, array[${keyColumns.map((column) => `${column}::text`)}] as key, r.bytes, ${row} as row
		from (
			select r.created_xid, ${[...keyColumns, ...columns.map((column) => `r.${column}`)]}, ${bytes} as bytes
			from ${table} r where ${condition} order by ${order} limit ${limit}
		) as r
		order by ${order}`;
	return {
		firstKey,
		read: statement(`tail.${table}`, select(inWindow, "$4")),
		readTransaction: statement(
			`tail.${table}.transaction`,
			select(`r.created_xid = $1::text::xid8 and (${keyColumns}) > (${keyValues}) and ${isOfHere("$4")}`, "$3"),
		),
		readRestored: statement(`tail.${table}.restored`, select(`${behind} and not (${isWrittenHere})`, "$3")),
		lag: statement(
			`tail.${table}.lag`,
			`select count(*)::int as rows, coalesce(extract(epoch from clock_timestamp() - min(inserted_at)), 0)::float8 as seconds
			from (select ${insertedAt} as inserted_at from ${table} r where ${inWindow} limit $4) as behind`,
		),
	};
}

/** SQL: a timestamptz as an ISO 8601 text in UTC with milliseconds. */
const utc = (time: string) => `to_char(${time} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

const nil = "00000000-0000-0000-0000-000000000000";

export const sources: Record<SourceName, Source> = {
	messages: source("messages", {
		key: { conversation_id: "uuid", seq: "bigint" },
		firstKey: [nil, "0"],
		columns: ["sender_id", "created_at"],
		row: `json_build_object('conversationId', r.conversation_id, 'seq', r.seq, 'senderId', r.sender_id, 'createdAt', ${utc("r.created_at")})`,
		bytes: "100 + coalesce(octet_length(r.content), 0)",
		// An imported message may have an old time, but its id (UUIDv7) was made when it was inserted.
		insertedAt: `case substr(r.id::text, 15, 1) when '7'
			then to_timestamp(('x' || substr(replace(r.id::text, '-', ''), 1, 12))::bit(48)::bigint / 1000.0)
			else r.created_at end`,
		// A row that was changed here since was written by the transaction that changed it.
		isWrittenHere: `(r.xmin = r.created_xid::xid or coalesce(r.changed_xid >= r.created_xid and r.xmin = r.changed_xid::xid, false))`,
	}),
	receipts: source("receipts", {
		key: { conversation_id: "uuid", user_id: "text", kind: "text", up_to_seq: "bigint" },
		firstKey: [nil, "", "", "0"],
		columns: ["at"],
		row: `json_build_object('conversationId', r.conversation_id, 'userId', r.user_id, 'kind', r.kind, 'upToSeq', r.up_to_seq,
			'at', ${utc("r.at")})`,
		bytes: "200",
		insertedAt: "r.at",
		isWrittenHere: "(r.xmin = r.created_xid::xid)",
	}),
};
