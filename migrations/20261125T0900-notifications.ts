/**
 * How people learn of messages that they have not read (services/notifier).
 *
 * - `devices`: where pushes go. A token belongs to the person who registered it last.
 * - `notification_settings`: what a person chose. Without a row the defaults hold. `quiet_timezone` is null until the person
 *   chooses one: then it is the one that the platform knows.
 * - `unreachable_addresses`: the mail server refused the recipient. No mail goes there until the platform registers the person anew.
 * - `notifier_keys`: keys that all nodes share, made once. `gen_random_uuid` has 122 random bits.
 * - `unnotified`: people with messages that they were not told of yet, for each way of telling. `first` is the message that began
 *   it, `last` the newest one. A row is looked at when it is due, so a sweep costs by what is due. `due_at` is also the claim: a
 *   node that works a row moves it on, and if the node dies the row is due again.
 * - `notifications`: one row for each delivery to one device or address. It has no content. It is claimed in the same way. `due_at`
 *   is null when nothing is left to do. While one waits, a newer message in the same conversation changes that row instead of
 *   making another one.
 *
 * `due_at` is the only indexed column that changes in `unnotified`, so a further message makes a heap-only update.
 */
export const up = `
create table devices (
	id uuid primary key,
	user_id text not null,
	kind text not null check (kind in ('webpush', 'fcm', 'apns')),
	address text not null check (octet_length(address) <= 2048),
	keys jsonb,
	created_at timestamptz(3) not null default now(),
	last_used_at timestamptz(3) not null default now(),
	cleared_at timestamptz(3),
	unique (kind, address)
);
create index devices_user on devices (user_id);

create table notification_settings (
	user_id text primary key,
	in_app boolean not null,
	email boolean not null,
	push boolean not null,
	quiet_enabled boolean not null,
	quiet_start text not null,
	quiet_end text not null,
	quiet_timezone text,
	digest_enabled boolean not null,
	digest_window_minutes integer not null,
	updated_at timestamptz(3) not null default now()
);

create table unreachable_addresses (
	user_id text primary key,
	address text not null,
	since timestamptz(3) not null default now()
);

create table notifier_keys (name text primary key, key bytea not null);
insert into notifier_keys
values ('unsubscribe', decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'));

create table unnotified (
	conversation_id uuid not null,
	user_id text not null,
	channel text not null check (channel in ('push', 'email')),
	first_seq bigint not null,
	first_at timestamptz(3) not null,
	last_seq bigint not null,
	last_at timestamptz(3) not null,
	is_deferred boolean not null default false,
	due_at timestamptz(3) not null,
	primary key (conversation_id, user_id, channel)
) with (fillfactor = 70);
create index unnotified_due on unnotified (due_at);
create index unnotified_user on unnotified (user_id);

create table notifications (
	id uuid primary key,
	user_id text not null,
	channel text not null check (channel in ('webpush', 'fcm', 'apns', 'email')),
	device_id uuid,
	conversation_ids uuid[] not null,
	seqs bigint[] not null,
	is_digest boolean not null,
	state text not null default 'WAITING' check (state in ('WAITING', 'SENT', 'CLEARED', 'CANCELLED', 'DEAD')),
	due_at timestamptz(3),
	attempts integer not null default 0,
	last_error text,
	message_at timestamptz(3) not null,
	sent_at timestamptz(3),
	created_at timestamptz(3) not null default now(),
	updated_at timestamptz(3) not null default now()
) with (fillfactor = 70);
create index notifications_due on notifications (channel, due_at) where due_at is not null;
create index notifications_user on notifications (user_id);
create index notifications_dead on notifications (updated_at, id) where state = 'DEAD';
create index notifications_created on notifications (created_at);
create unique index notifications_waiting on notifications (user_id, channel, device_id, conversation_ids) nulls not distinct
	where state = 'WAITING' and not is_digest;
`;
