/**
 * The applicant and the employer of an application cannot change after its conversation was opened (docs/adr/0022). `opened_at`
 * is the time of that.
 *
 * Two people have one conversation for each application, in whichever order they are named. If there are two from before, both
 * are kept. The one with fewer messages is marked as the duplicate of the other. From now on, `POST /conversations` answers with
 * the other.
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
