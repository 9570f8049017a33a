import { timeOf } from "../../../lib/time-of.ts";
import { type Database, statement } from "../../../mixins/database.ts";

/** The mail server refused this address. No mail goes there until the platform registers the person anew. */
export async function noteUnreachable(db: Database, userId: string, address: string, nowMs: number): Promise<void> {
	await db.query(noteStatement, [userId, address, timeOf(nowMs)]);
}

const noteStatement = statement(
	"notifier.noteUnreachable",
	`insert into unreachable_addresses (user_id, address, since) values ($1, $2, $3)
	on conflict (user_id) do update set address = excluded.address, since = excluded.since`,
);
