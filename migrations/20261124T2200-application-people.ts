/**
 * An application's people are fixed from the moment in which a conversation of theirs is opened (docs/adr/0022): `opened_at` says
 * since when.
 *
 * A pair has one conversation an application, whoever of the two is named first. Where there are two from before, none is lost:
 * both stay as they are, and the one with fewer messages is marked as the duplicate of the other, which is the one that
 * `POST /conversations` answers with from now on.
 */
export const up = `
alter table job_applications add column opened_at timestamptz(3);
update job_applications a set opened_at = now() where exists (select from conversations c where c.job_application_id = a.id);

alter table conversations add column duplicate_of uuid;
update conversations c set duplicate_of = ranked.first_id
from (
	select id, first_value(id) over (
		partition by job_application_id, least(user1_id, user2_id), greatest(user1_id, user2_id)
		order by last_seq desc, created_at, id
	) as first_id
	from conversations
) as ranked
where ranked.id = c.id and ranked.first_id <> c.id;

create unique index conversations_pair on conversations (job_application_id, least(user1_id, user2_id), greatest(user1_id, user2_id))
	where duplicate_of is null;
alter table conversations drop constraint conversations_user1_id_user2_id_job_application_id_key;
`;
