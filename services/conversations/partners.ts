import { chunksOf, idsPerCall } from "../../lib/chunks.ts";
import { type Database, statement } from "../../mixins/database.ts";

/** With whom each user shares a conversation. */
export async function partners(db: Database, userIds: string[]): Promise<Record<string, string[]>> {
	const found: [string, string[]][] = [];
	for (const chunk of chunksOf(userIds, idsPerCall)) {
		const rows = await db.query<{ user_id: string; partner_ids: string[] }>(partnersStatement, [chunk]);
		for (const { user_id, partner_ids } of rows) found.push([user_id, partner_ids]);
	}
	return Object.fromEntries(found);
}

/** Whether two people share one. */
export async function share(db: Database, userId: string, partnerId: string): Promise<boolean> {
	return (await db.query(shareStatement, [userId, partnerId])).length > 0;
}

const partnersStatement = statement(
	"conversations.partners",
	`
	select user_id, array_agg(distinct partner_id) as partner_ids
	from (
		select user1_id as user_id, user2_id as partner_id from conversations where user1_id = any ($1)
		union all
		select user2_id, user1_id from conversations where user2_id = any ($1)
	) as pairs
	group by user_id`,
);

const shareStatement = statement(
	"conversations.share",
	`select id from conversations where user1_id = $1 and user2_id = $2
	union all select id from conversations where user1_id = $2 and user2_id = $1
	limit 1`,
);
