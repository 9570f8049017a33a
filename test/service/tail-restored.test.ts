import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPostgres } from "../../embedded/postgres.ts";
import { migrate } from "../../migrations/migrate.ts";
import { ReadAhead } from "../../mixins/tail/read-ahead.ts";
import { type Work, workBatch } from "../../mixins/tail/work-batch.ts";
import { TailReader } from "../../mixins/tail-reader.ts";
import { until } from "../../testing/until.ts";
import { query } from "../support/database.ts";
import {
	createEffects,
	createTailDatabase,
	effectCounts,
	openNode,
	recordEffects,
	strayEffects,
	Writer,
} from "../support/tail.ts";

jest.setTimeout(120_000);

test.each([
	["younger: its numbers are lower than those of the dump", 9_000_000_000],
	["further on: its numbers are higher than those of the dump", 10],
])(
	"after a dump was restored into a cluster that is %s: the rest of its rows, then every new row, none twice",
	async (_, base) => {
		const database = await createTailDatabase();
		const db = openNode(database.url);
		const writer = await Writer.connect(database.url);
		const reader = new TailReader(db, console, {
			name: "test",
			source: "messages",
			intervalMs: 50,
			work: (rows, transaction) => recordEffects("test", rows, transaction),
		});
		try {
			// As the dump brings them: messages 1 to 5 were worked before it was taken, 6 to 8 were not.
			await writer.insert(8);
			await query(database.url, "update messages set created_xid = ($1::bigint + seq)::text::xid8", [base]);
			await query(database.url, "insert into effects select 'test', conversation_id, seq from messages where seq <= 5");
			await query(
				database.url,
				"insert into consumers (name, source, xid, key) select 'test', 'messages', created_xid, array[conversation_id::text, seq::text] from messages where seq = 5",
			);
			await writer.insert(4);
			reader.start();
			await until(async () => {
				expect(await effectCounts(database.url, "test")).toEqual([1]);
				return true;
			});
			await writer.insert(3);
			await until(async () => (await query(database.url, "select from effects")).length === 15);
			expect(await effectCounts(database.url, "test")).toEqual([1]);
			const [position] = await query<{ isOfHere: boolean }>(
				database.url,
				`select xid < '9000000000' as "isOfHere" from consumers`,
			);
			expect(position).toEqual({ isOfHere: true });
			expect(await reader.lag()).toEqual({ rows: 0, seconds: 0 });
		} finally {
			await reader.stop();
			await writer.end();
			await db.close();
			await database.drop();
		}
	},
);

test("after a copy of the data was put back in place: what the copy has and what comes is worked once, nothing else", async () => {
	const folder = mkdtempSync(join(tmpdir(), "parley-tail-restored-"));
	const [data, copy] = [join(folder, "data"), join(folder, "copy")];
	// A node that goes on through all of it.
	const ahead = new ReadAhead<"messages">("messages");
	const record: Work<"messages"> = (rows, transaction) => recordEffects("test", rows, transaction);

	/** Starts PostgreSQL, and works with it. */
	async function withServer(
		work: (url: string, writer: Writer, look: (work?: typeof record) => Promise<string>) => Promise<void>,
	) {
		const { url, stop } = await startPostgres({ dataDir: data, settings: { fsync: "off" } });
		await migrate(url);
		const db = openNode(url);
		const writer = await Writer.connect(url);
		const batch = { name: "test", source: "messages", from: "beginning", maxRows: 4, maxBytes: 1_000_000 } as const;
		try {
			await work(url, writer, (work = record) => workBatch(db, { ...batch, work }, ahead));
		} finally {
			await writer.end();
			await db.close();
			await stop();
		}
	}

	try {
		await withServer(async (url, writer, look) => {
			await createEffects(url);
			await writer.insert(8);
			await until(async () => (await look()) === "nothing" && (await query(url, "select from effects")).length === 8);
		});
		execFileSync("cp", ["-a", data, copy]);
		await withServer(async (_, writer, look) => {
			// The node has read these messages ahead when the server stops. The copy lacks them.
			await writer.insert(6);
			const stopped = look(async () => {
				throw new Error("The server is stopped");
			});
			await expect(stopped).rejects.toThrow("The server is stopped");
		});
		rmSync(data, { recursive: true });
		execFileSync("mv", [copy, data]);
		await withServer(async (url, writer, look) => {
			await writer.insert(9);
			await until(async () => (await look()) === "nothing" && (await query(url, "select from effects")).length === 17);
			expect(await effectCounts(url, "test")).toEqual([1]);
			expect(await strayEffects(url)).toBe(0);
		});
	} finally {
		rmSync(folder, { recursive: true });
	}
});
