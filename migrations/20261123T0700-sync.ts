/**
 * What the sync cursor needs: the transaction that created or last changed a row. A cursor is the oldest transaction that was
 * still running when it was given out. Everything that commits later has this number or a higher one, so the next `sync` finds
 * it. Clocks do not guarantee this.
 *
 * `messages.changed_xid` is for changes after the creation, such as a deleted image. They are rare, and the index has only
 * changed rows, so it costs sends nothing.
 */
export const up = `
alter table conversations add column changed_xid xid8 not null default pg_current_xact_id();
alter table participants add column changed_xid xid8 not null default pg_current_xact_id();
alter table messages add column created_xid xid8 not null default pg_current_xact_id();
alter table messages add column changed_xid xid8;
create index messages_changed on messages (conversation_id, changed_xid) where changed_xid is not null;
`;
