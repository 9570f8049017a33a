import { timeOf } from "../../../lib/time-of.ts";
import { type Database, statement } from "../../../mixins/database.ts";

/** How long a notification is kept after it was made. */
export const keptMs = 30 * 24 * 60 * 60_000;

/** Rows that one statement deletes, so that it takes well below a second. */
const batchSize = 5_000;

/** Deletes notifications that are older than they are kept. */
export async function deleteOld(db: Database, nowMs: number, signal: AbortSignal): Promise<void> {
	while (!signal.aborted) {
		const [deleted] = await db.query<{ count: number }>(deleteStatement, [timeOf(nowMs - keptMs), batchSize]);
		if ((deleted?.count ?? 0) < batchSize) return;
	}
}

const deleteStatement = statement(
	"notifications.deleteOld",
	`with old as (
		delete from notifications where id in (
			select id from notifications where created_at < $1::timestamptz order by created_at limit $2 for update skip locked
		) returning 1
	)
	select count(*)::int as count from old`,
);
