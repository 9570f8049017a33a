/**
 * Messages get a signature of their text (services/messages/search/signature.ts). docs/adr/0009-search-signatures.md says why.
 * The primary key includes it, so that a search reads the signatures of a conversation from the index alone. A row without a
 * signature always counts as a candidate, so existing rows need none.
 *
 * A trigger removes the signature when the content changes. So code that changes a content does not have to.
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
