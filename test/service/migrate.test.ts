import pg from "pg";
import { compatible, migrations } from "../../migrations/index.ts";
import { migrate } from "../../migrations/migrate.ts";
import { until } from "../../testing/until.ts";
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

test("an older release does not start on a newer database, unless the migrations it does not know are compatible", async () => {
	const database = await createDatabase();
	try {
		await migrate(database.url);
		await query(database.url, "insert into migrations (name) values ('20990101T0000-renames')");
		await expect(migrate(database.url)).rejects.toThrow(
			/^The database is newer than this release, which does not know its migration 20990101T0000-renames: [^\n]+$/,
		);
		await query(database.url, "update migrations set compatible = true where name = '20990101T0000-renames'");
		expect(await migrate(database.url)).toEqual([]);
	} finally {
		await database.drop();
	}
});

test("a release records which of its migrations the release before may run on", async () => {
	const database = await createDatabase();
	try {
		await migrate(database.url);
		const recorded = await query<{ name: string }>(database.url, "select name from migrations where compatible order by name");
		expect(recorded.map(({ name }) => name)).toEqual([...compatible].sort());
		expect(Object.keys(migrations)).toEqual(expect.arrayContaining([...compatible]));
	} finally {
		await database.drop();
	}
});

test("a database of a release that kept no record of that is brought up to date", async () => {
	const database = await createDatabase();
	try {
		await migrate(database.url);
		await query(database.url, "alter table migrations drop column compatible");
		expect(await migrate(database.url)).toEqual([]);
		expect(await query(database.url, "select count(*)::int as n from migrations where compatible")).toEqual([{ n: 0 }]);
	} finally {
		await database.drop();
	}
});

test("who waits for the migrations of another node says so and for whom, and gives up in the end", async () => {
	const database = await createDatabase();
	const holder = new pg.Client({ connectionString: database.url, application_name: "a hung node" });
	try {
		await holder.connect();
		await holder.query("select pg_advisory_lock(7275395)");
		const notes: string[] = [];
		const waiting = migrate(database.url, { note: (line) => notes.push(line), waitMs: 1_000 });
		await expect(waiting).rejects.toThrow(
			/^The migrations cannot begin: after 1 s another session still holds their lock \(process \d+, a hung node, [^\n]+\): [^\n]+$/,
		);
		expect(notes).toEqual([
			expect.stringMatching(/^Waiting for another node's migrations \(process \d+, a hung node, [^\n]+\)\.$/),
		]);

		const patient = migrate(database.url, { note: (line) => notes.push(line), waitMs: 20_000 });
		await until(() => notes.length === 2);
		await holder.query("select pg_advisory_unlock_all()");
		expect(await patient).toEqual(Object.keys(migrations));
	} finally {
		await holder.end();
		await database.drop();
	}
});

test("a database that cannot be reached is an error, soon", async () => {
	await expect(migrate("postgres://nobody@127.0.0.1:1/none")).rejects.toThrow("ECONNREFUSED");
});
