import { until } from "../../testing/until.ts";
import { query } from "./database.ts";

/** Consumers that read behind the message path write to these whenever they like. */
const behindThePath = ["consumers", "message_search", "unnotified", "notifications"];

/** A checksum of each table. Two that are equal show that nothing was written in between. */
export async function tableChecksums(url: string): Promise<Record<string, string>> {
	// A name that changed is made known in the background.
	await until(async () => (await query(url, renamedSql)).length === 0);
	return eachTable(
		url,
		(table) => `select '${table}' as name, md5(string_agg(t::text, '' order by t::text)) as value from ${table} t`,
	);
}

const renamedSql = `
select from users where renamed_xid is not null
union all select from job_applications where renamed_xid is not null`;

/** How many rows each table has. */
export function rowCounts(url: string): Promise<Record<string, number>> {
	return eachTable(url, (table) => `select '${table}' as name, count(*)::int as value from ${table}`);
}

async function eachTable<Value>(url: string, sqlOf: (table: string) => string): Promise<Record<string, Value>> {
	const tables = await query<{ name: string }>(
		url,
		"select tablename as name from pg_tables where schemaname = 'public' order by 1",
	);
	const names = tables.map(({ name }) => name).filter((name) => !behindThePath.includes(name));
	const rows = await query<{ name: string; value: Value }>(url, names.map(sqlOf).join(" union all "));
	return Object.fromEntries(rows.map(({ name, value }) => [name, value]));
}
