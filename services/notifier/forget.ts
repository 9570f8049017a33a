import { type Database, statement } from "../../mixins/database.ts";
import type { Calls } from "../contracts.ts";

/** People in one question to the directory. */
const peoplePerPage = 500;

/** Deletes what a person has chosen and where they were reached. Repeating it is harmless. */
export async function forgetPerson(db: Database, userId: string): Promise<void> {
	await forgetPeople(db, [userId]);
}

/**
 * Forgets the people who were erased while the event `user.erased` was lost. It looks at everybody of whom something is stored, in
 * pages, and ends early when `signal` is aborted.
 */
export async function forgetErased(db: Database, calls: Pick<Calls, "call">, signal?: AbortSignal): Promise<void> {
	let after = "";
	while (!signal?.aborted) {
		const rows = await db.query<{ user_id: string }>(peopleStatement, [after, peoplePerPage]);
		const ids = rows.map(({ user_id }) => user_id);
		const last = ids.at(-1);
		if (last === undefined) return;
		const active = new Set((await calls.call("users.active", { ids })).ids);
		const erased = ids.filter((id) => !active.has(id));
		if (erased.length > 0) await forgetPeople(db, erased);
		after = last;
	}
}

async function forgetPeople(db: Database, userIds: string[]): Promise<void> {
	await db.query(forgetStatement, [userIds]);
}

const forgetStatement = statement(
	"notifier.forget",
	`with a as (delete from devices where user_id = any ($1)),
		b as (delete from notification_settings where user_id = any ($1)),
		c as (delete from unnotified where user_id = any ($1)),
		d as (delete from notifications where user_id = any ($1))
	delete from unreachable_addresses where user_id = any ($1)`,
);

const peopleStatement = statement(
	"notifier.people",
	`(select distinct user_id from devices where user_id > $1 order by user_id limit $2)
	union (select user_id from notification_settings where user_id > $1 order by user_id limit $2)
	union (select distinct user_id from unnotified where user_id > $1 order by user_id limit $2)
	union (select distinct user_id from notifications where user_id > $1 order by user_id limit $2)
	union (select user_id from unreachable_addresses where user_id > $1 order by user_id limit $2)
	order by user_id limit $2`,
);
