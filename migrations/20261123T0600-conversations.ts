/**
 * People, applications, conversations and messages.
 *
 * The head of a conversation (`last_seq`, `user1_sent`, `user2_sent`, `last_message_at`) is updated with every message. No index
 * has these columns, so that PostgreSQL can make heap-only (HOT) updates.
 *
 * `user1_sent` and `user2_sent` of a message say how many of the messages 1…seq each participant wrote. Like seq, they are
 * assigned under the lock of the head and never change. `others_read` of a participant says how many of the messages up to
 * `read_seq` are not their own. So unread = (last_seq - own sent) - others_read, without counting rows.
 */
export const up = `
create table users (
	id text primary key,
	name text not null,
	email text,
	locale text,
	timezone text,
	created_at timestamptz(3) not null default now(),
	updated_at timestamptz(3) not null default now(),
	deleted_at timestamptz(3)
);

create table job_applications (
	id text primary key,
	applicant_id text not null references users,
	employer_id text not null references users,
	job_title text not null,
	status text not null,
	created_at timestamptz(3) not null default now(),
	updated_at timestamptz(3) not null default now(),
	check (applicant_id <> employer_id)
);

create table conversations (
	id uuid primary key,
	user1_id text not null,
	user2_id text not null,
	job_application_id text not null,
	status text not null default 'ACTIVE' check (status in ('ACTIVE', 'ARCHIVED', 'AUTO_ARCHIVED')),
	last_seq bigint not null default 0,
	user1_sent bigint not null default 0,
	user2_sent bigint not null default 0,
	last_message_at timestamptz(3),
	archived_at timestamptz(3),
	archived_by text,
	created_at timestamptz(3) not null default now(),
	updated_at timestamptz(3) not null default now(),
	unique (user1_id, user2_id, job_application_id)
) with (fillfactor = 70);
create index conversations_user1 on conversations (user1_id, status);
create index conversations_user2 on conversations (user2_id, status);

create table participants (
	conversation_id uuid not null references conversations,
	user_id text not null,
	read_seq bigint not null default 0,
	others_read bigint not null default 0,
	delivered_seq bigint not null default 0,
	notified_seq bigint not null default 0,
	muted_until timestamptz(3),
	primary key (conversation_id, user_id)
) with (fillfactor = 70);
create index participants_user on participants (user_id);

create table messages (
	conversation_id uuid not null,
	seq bigint not null,
	user1_sent bigint not null,
	user2_sent bigint not null,
	reply_to_seq bigint,
	created_at timestamptz(3) not null,
	archived_at timestamptz(3),
	id uuid not null,
	client_id uuid not null,
	sender_id text not null,
	type text not null check (type in ('TEXT', 'IMAGE', 'SYSTEM')),
	content text,
	metadata jsonb not null,
	primary key (conversation_id, seq),
	unique (conversation_id, sender_id, client_id),
	unique (id)
);

create table receipts (
	conversation_id uuid not null,
	user_id text not null,
	kind text not null check (kind in ('delivered', 'read')),
	up_to_seq bigint not null,
	at timestamptz(3) not null,
	primary key (conversation_id, user_id, kind, up_to_seq)
);
`;
