/**
 * Images, and their place in messages.
 *
 * A row is made with the keys of all objects that its image will ever have, and it becomes GONE or
 * is deleted only after them. So every object has a row.
 * services/media/image-lifecycle.ts explains the statuses.
 *
 * A message has a copy of what is needed to show its image (`image`), so that a page of history needs no call to `media`. `image`
 * becomes null when the image is deleted. `image_id` stays, to recognize a repeated send.
 */
export const up = `
create table images (
	id uuid primary key,
	conversation_id uuid not null,
	uploader_id text not null,
	status text not null default 'PENDING' check (status in ('PENDING', 'READY', 'DELETING', 'GONE')),
	original_filename text,
	mime_type text not null,
	file_size_bytes integer not null,
	width integer,
	height integer,
	placeholder text,
	upload_key text not null,
	storage_key text not null,
	preview_key text not null,
	thumbnail_key text not null,
	confirming_by uuid,
	confirming_until timestamptz(3),
	client_id uuid,
	claimed_at timestamptz(3),
	sent_at timestamptz(3),
	delete_after timestamptz(3),
	created_at timestamptz(3) not null default now(),
	updated_at timestamptz(3) not null default now(),
	check (status <> 'READY' or (width is not null and height is not null and placeholder is not null and delete_after is not null))
);
create index images_conversation on images (conversation_id);
create index images_pending on images (created_at) where status = 'PENDING';
create index images_unsent on images (created_at) where status = 'READY' and sent_at is null;
create index images_due on images (delete_after) where status = 'READY';
create index images_deleting on images (updated_at) where status = 'DELETING';

alter table messages add column image_id uuid, add column image jsonb;
create unique index messages_image on messages (conversation_id, image_id) where image_id is not null;
`;
