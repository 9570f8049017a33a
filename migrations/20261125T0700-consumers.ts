/**
 * What the tail reader needs (mixins/tail-reader.ts, docs/adr/0026-tail-reader.md).
 *
 * - `consumers` says how far each consumer has worked: up to the row (`xid`, `key`), where `key` is the primary key of the row.
 *   `restored_by` and `restored_to` are null until the table is restored from a dump (mixins/tail/position.ts).
 * - The BRIN indexes find the rows of new transactions. They hold two numbers for 32 pages, so an insert costs almost the same.
 * - Receipts get the number of their transaction. Existing ones get the number of this migration.
 *
 * Building the indexes reads both tables once. Sends and acknowledgements wait meanwhile.
 */
export const up = `
create table consumers (
	name text primary key,
	source text not null check (source in ('messages', 'receipts')),
	xid xid8 not null,
	key text[] not null,
	restored_by xid8,
	restored_to xid8,
	moved_at timestamptz(3) not null default now()
) with (fillfactor = 50);

alter table receipts add column created_xid xid8 not null default pg_current_xact_id();

create index messages_created_xid on messages using brin ((created_xid::text::bigint))
	with (pages_per_range = 32, autosummarize = on);
create index receipts_created_xid on receipts using brin ((created_xid::text::bigint))
	with (pages_per_range = 32, autosummarize = on);
`;
