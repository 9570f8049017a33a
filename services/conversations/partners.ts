import { type Database, statement } from "../../mixins/database.ts";
import type { Result } from "../contracts.ts";

/** Partners in one answer. A single user with more than these is answered completely. */
const maxPartners = 10_000;

/** With whom each user shares a conversation. Users who do not fit into one answer are in `rest`; the caller asks for them again. */
export async function partners(db: Database, userIds: string[]): Promise<Result<"conversations.partners">> {
	const rows = await db.query<{ user_id: string; partner_ids: string[] | null }>(partnersStatement, [userIds, maxPartners]);
	return {
		partners: Object.fromEntries(rows.flatMap((row) => (row.partner_ids ? [[row.user_id, row.partner_ids]] : []))),
		rest: rows.filter((row) => row.partner_ids === null).map((row) => row.user_id),
	};
}

/** Whether two people share a conversation. */
export async function share(db: Database, userId: string, partnerId: string): Promise<boolean> {
	return (await db.query(shareStatement, [userId, partnerId])).length > 0;
}

const partnersStatement = statement(
	"conversations.partners",
	`
	with pairs as (
		select user1_id as user_id, user2_id as partner_id from conversations where user1_id = any ($1)
		union
		select user2_id, user1_id from conversations where user2_id = any ($1)
	),
	lists as (select user_id, array_agg(partner_id) as partner_ids, count(*) as size from pairs group by user_id),
	summed as (select *, sum(size) over (order by user_id rows unbounded preceding) as total from lists)
	select user_id, case when total <= $2 or total = size then partner_ids end as partner_ids from summed`,
);

const shareStatement = statement(
	"conversations.share",
	`select id from conversations where user1_id = $1 and user2_id = $2
	union all select id from conversations where user1_id = $2 and user2_id = $1
	limit 1`,
);
