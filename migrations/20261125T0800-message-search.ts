/**
 * The full-text index (docs/adr/0027-full-text-index.md). `services/messages/search/index-messages.ts` fills it behind the message path.
 *
 * - `body` has the words of a message without case and accents; `accented` has those words with accents that differ from it.
 * - `search_text` has every word with the weight A, and the stem of every word in the language of its sender with the weight D.
 * - The language is a name. A column of the type `regconfig` would keep pg_upgrade from running.
 * - The index has a small pending list (in kB): a third less CPU for each message. A search reads the list, so it must not be long. Only
 *   the indexer waits while it is worked off.
 * - The index has the conversation as a text: a condition on it cannot be answered by the primary key (`candidates.ts` says why).
 * - btree_gin, which puts the conversation beside the words, is a trusted extension: the owner of the database may create it.
 *
 * A message whose content changes, as erasure does, loses its row here. The trigger takes the same advisory lock as the indexer,
 * which otherwise might read the old content, and store its words after the trigger has looked for them.
 */
const languages = ["arabic", "english", "french", "german", "greek", "hindi", "portuguese", "russian", "spanish", "turkish"];

const stems = `case language ${languages
	.map((language) => `when '${language}' then to_tsvector('pg_catalog.${language}', body || ' ' || accented)`)
	.join(" ")} else ''::tsvector end`;

export const up = `
create extension if not exists btree_gin;

create table message_search (
	conversation_id uuid not null,
	seq bigint not null,
	language text not null check (language in ('simple', ${languages.map((language) => `'${language}'`).join(", ")})),
	body text not null,
	accented text not null,
	search_text tsvector not null generated always as (
		setweight(to_tsvector('pg_catalog.simple', body), 'A') || setweight(${stems}, 'D')
	) stored,
	primary key (conversation_id, seq)
);

create index message_search_words on message_search using gin ((conversation_id::text), search_text) with (gin_pending_list_limit = 256);

create or replace function forget_search() returns trigger language plpgsql as $$
begin
	perform pg_advisory_xact_lock_shared(hashtextextended('message_search', 0));
	delete from message_search s where s.conversation_id = new.conversation_id and s.seq = new.seq;
	new.search := null;
	return new;
end $$;
`;
