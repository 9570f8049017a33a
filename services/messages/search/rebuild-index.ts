import { type Database, statement } from "../../../mixins/database.ts";
import { maintain, type Session } from "../../../mixins/maintenance.ts";

/** How long erasures are collected, so that the index is rebuilt at most once in this time: it takes some 20 s of one core for 1,000,000 messages. */
const collectHours = 6;

/**
 * Removes the words of changed and erased messages from the full-text index, if the oldest of them waits for long enough. PostgreSQL
 * never removes a word from a GIN index, so the index is built anew. Searches and the indexer go on.
 *
 * 1. One node at a time does it. If a node died during a rebuild, it left an invalid index, which is removed first.
 * 2. All rows of `search_removals` become one, which is deleted when everything is done. So a rebuild that fails is tried again, and a
 *    message that is erased meanwhile waits for the next rebuild.
 * 3. PostgreSQL builds the new index from a snapshot that is newer than these removals, and waits until nobody uses an older snapshot.
 *    So the vacuum that follows can remove the erased rows from the table.
 *
 * @returns whether it was rebuilt
 */
export async function rebuildIndex(db: Database, signal: AbortSignal): Promise<boolean> {
	const [waiting] = await db.query<Due>(dueStatement);
	if (!waiting?.isDue) return false;
	let isRebuilt = false;
	await maintain(
		db,
		"messages.rebuildIndex",
		async (session) => {
			await dropUnfinished(session);
			const [noted] = await session.query<Due & { id: string }>(collectStatement);
			if (!noted?.isDue) return;
			try {
				await session.query(rebuildStatement);
			} finally {
				await dropUnfinished(session);
			}
			await session.query(vacuumStatement);
			await session.query(doneStatement, [noted.id]);
			isRebuilt = true;
		},
		signal,
	);
	return isRebuilt;
}

/** What `reindex concurrently` leaves when it does not end: an index that costs time with each new message, and is never read. */
async function dropUnfinished(session: Session): Promise<void> {
	const unfinished = await session.query<{ name: string }>(unfinishedStatement);
	for (const { name } of unfinished) {
		await session.query(statement(`search.drop ${name}`, `drop index concurrently if exists ${name}`));
	}
}

interface Due {
	isDue: boolean;
}

const isDue = `coalesce(min(noted_at) < now() - interval '${collectHours} hours', false) as "isDue"`;

const dueStatement = statement("search.rebuildDue", `select ${isDue} from search_removals`);

const unfinishedStatement = statement(
	"search.unfinished",
	`select c.oid::regclass::text as name from pg_index i join pg_class c on c.oid = i.indexrelid
	where i.indrelid = 'message_search'::regclass and not i.indisvalid and c.relname ~ '^message_search_words_cc(new|old)[0-9]*$'`,
);

const collectStatement = statement(
	"search.collectRemovals",
	`with removed as (delete from search_removals returning noted_at),
	oldest as (select min(noted_at) as noted_at from removed having count(*) > 0),
	noted as (insert into search_removals (noted_at) select noted_at from oldest returning id, noted_at)
	select id, ${isDue} from noted group by id`,
);

const rebuildStatement = statement("search.rebuild", "reindex index concurrently message_search_words");

/** It also renews the statistics, which contain words of messages. It does not shorten the table's file, because that locks out everybody. */
const vacuumStatement = statement("search.vacuum", "vacuum (analyze, truncate false) message_search");

const doneStatement = statement("search.rebuilt", "delete from search_removals where id = $1");
