/**
 * Contents that changed or were erased since the full-text index was rebuilt (docs/adr/0027-full-text-index.md). PostgreSQL keeps their
 * words in the index until then. `services/messages/search/rebuild-index.ts` works the rows off.
 *
 * Each change has a row of its own, so that erasures do not wait for each other. A message without a row in `message_search` has one
 * too: a batch of the indexer that was rolled back leaves its words in the index as well.
 */
export const up = `
create table search_removals (
	id bigint generated always as identity primary key,
	noted_at timestamptz(3) not null default now()
);

create or replace function forget_search() returns trigger language plpgsql as $$
begin
	perform pg_advisory_xact_lock_shared(hashtextextended('message_search', 0));
	delete from message_search s where s.conversation_id = new.conversation_id and s.seq = new.seq;
	if old.content is not null then
		insert into search_removals default values;
	end if;
	new.search := null;
	return new;
end $$;
`;
