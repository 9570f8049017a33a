import { migrations } from "../../migrations/index.ts";
import { migrate } from "../../migrations/migrate.ts";
import { createDatabase, query } from "../support/database.ts";

test("of nodes that start at once on an empty database one migrates it, and the others find it done", async () => {
	const database = await createDatabase();
	try {
		const applied = await Promise.all(Array.from({ length: 4 }, () => migrate(database.url)));
		const names = Object.keys(migrations);
		expect(applied.filter(({ length }) => length > 0)).toEqual([names]);
		expect(await query(database.url, "select name from migrations order by name")).toEqual(names.map((name) => ({ name })));
		expect(await migrate(database.url)).toEqual([]);
	} finally {
		await database.drop();
	}
});

test("a migration that fails leaves nothing of itself behind, and the ones before it stay", async () => {
	const database = await createDatabase();
	try {
		const [first = "", second = ""] = Object.keys(migrations);
		// In the way of the second migration.
		await query(
			database.url,
			"create function refuse() returns event_trigger language plpgsql as $$ begin if (select count(*) from migrations) > 0 then raise 'no'; end if; end $$",
		);
		await query(
			database.url,
			"create event trigger refuse on ddl_command_end when tag in ('ALTER TABLE') execute function refuse()",
		);
		await expect(migrate(database.url)).rejects.toThrow("no");
		expect(await query(database.url, "select name from migrations")).toEqual([{ name: first }]);
		await query(database.url, "drop event trigger refuse");
		expect((await migrate(database.url))[0]).toBe(second);
	} finally {
		await database.drop();
	}
});

test("a migration may take longer than the database lets statements take", async () => {
	const database = await createDatabase();
	try {
		const name = new URL(database.url).pathname.slice(1);
		await query(database.url, `alter database ${name} set statement_timeout = '100ms'`);
		const slow = "create function pause() returns event_trigger language plpgsql as $$ begin perform pg_sleep(0.3); end $$";
		await query(database.url, slow);
		await query(
			database.url,
			"create event trigger pause on ddl_command_end when tag in ('CREATE INDEX') execute function pause()",
		);
		expect(await migrate(database.url)).toEqual(Object.keys(migrations));
	} finally {
		await database.drop();
	}
});

test("a database that cannot be reached is an error, soon", async () => {
	await expect(migrate("postgres://nobody@127.0.0.1:1/none")).rejects.toThrow("ECONNREFUSED");
});
