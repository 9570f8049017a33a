/**
 * Clients have loaded conversations that contain a name or a title. When it changes, `renamed_xid` gets the number of the
 * transaction. It becomes null when the service conversations has announced the change
 * (services/conversations/announce-renames.ts). A trigger sets it, so code that changes a name does not have to.
 */
export const up = `
alter table users add column renamed_xid xid8;
alter table job_applications add column renamed_xid xid8;
create index conversations_application on conversations (job_application_id);
create index users_renamed on users (id) where renamed_xid is not null;
create index job_applications_renamed on job_applications (id) where renamed_xid is not null;

create function note_renaming() returns trigger language plpgsql as $$
begin
	new.renamed_xid := pg_current_xact_id();
	return new;
end $$;

create trigger users_note_renaming before update of name on users
	for each row when (new.name is distinct from old.name) execute function note_renaming();
create trigger job_applications_note_renaming before update of job_title on job_applications
	for each row when (new.job_title is distinct from old.job_title) execute function note_renaming();
`;
