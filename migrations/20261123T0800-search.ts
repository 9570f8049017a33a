/**
 * Messages carry a signature of their text (services/messages/search/signature.ts makes it, docs/adr/search.md says why), and
 * the primary key carries it too: a search reads signatures of one conversation after the other from the index alone. A row
 * without a signature is always looked at, so none has to be filled in.
 *
 * Who changes a content, as erasure does, need not know of this: the signature of what was there goes with it.
 */
export const up = `
alter table messages add column search bit varying;
alter table messages drop constraint messages_pkey, add primary key (conversation_id, seq) include (created_at, search);

create function forget_search() returns trigger language plpgsql as $$
begin
	new.search := null;
	return new;
end $$;

create trigger messages_forget_search before update of content on messages
	for each row when (new.content is distinct from old.content) execute function forget_search();
`;
