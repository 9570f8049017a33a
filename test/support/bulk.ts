import { randomUUID } from "node:crypto";
import { query } from "./database.ts";

export interface Bulk {
	applicantId: string;
	employerId: string;
	/** How many conversations; the first has the newest message. */
	count: number;
	/** In each of them, all by the employer. */
	messages?: number;
	content?: string;
}

/** Conversations made by SQL, thousands a second; their ids, newest message first. */
export async function bulkConversations(
	url: string,
	{ count, messages = 0, content = "text", ...pair }: Bulk,
): Promise<string[]> {
	const ids = Array.from({ length: count }, () => randomUUID());
	const values = [ids, pair.applicantId, pair.employerId, messages];
	await query(
		url,
		`with opened as (
			insert into conversations (id, user1_id, user2_id, job_application_id, last_seq, user2_sent, last_message_at, created_at)
			select id, $2, $3, id::text, $4::bigint, $4::bigint,
				case when $4::bigint > 0 then now() - ord * interval '1 second' end, now() - ord * interval '1 second'
			from unnest($1::uuid[]) with ordinality as wanted (id, ord) returning id
		)
		insert into participants (conversation_id, user_id) select id, person from opened, unnest(array[$2::text, $3::text]) person`,
		values,
	);
	await query(
		url,
		`insert into messages (conversation_id, seq, user1_sent, user2_sent, created_at, id, client_id, sender_id, type, content, metadata)
		select id, seq, 0, seq, now(), gen_random_uuid(), gen_random_uuid(), $2, 'TEXT', $4, '{}'
		from unnest($1::uuid[]) id, generate_series(1, $3::int) seq`,
		[ids, pair.employerId, messages, content],
	);
	return ids;
}
