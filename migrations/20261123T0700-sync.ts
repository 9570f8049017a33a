/**
 * What the sync cursor needs: which transaction made or last changed a row. A cursor is the oldest transaction that was still
 * running when it was given out: whatever commits later has this number or a higher one, so nothing slips behind it, which no
 * clock can promise.
 *
 * `messages.changed_xid` is for changes after the creation (an image that went, an author who was erased): rare, so that its
 * index costs sends nothing.
 */
export const up = `
alter table conversations add column changed_xid xid8 not null default pg_current_xact_id();
alter table participants add column changed_xid xid8 not null default pg_current_xact_id();
alter table messages add column created_xid xid8 not null default pg_current_xact_id();
alter table messages add column changed_xid xid8;
create index messages_changed on messages (conversation_id, changed_xid) where changed_xid is not null;
`;
