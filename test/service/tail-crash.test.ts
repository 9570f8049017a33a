import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { migrate } from "../../migrations/migrate.ts";
import { ReadAhead } from "../../mixins/tail/read-ahead.ts";
import { workBatch } from "../../mixins/tail/work-batch.ts";
import { type PostgresServer, startPostgresServer } from "../../testing/postgres-server.ts";
import { until } from "../../testing/until.ts";
import { query } from "../support/database.ts";
import { createEffects, effectCounts, openNode, recordEffects, Writer } from "../support/tail.ts";

jest.setTimeout(120_000);

test.each([
	["the server crashes", (server: PostgresServer) => server.restart({ crash: true })],
	// All its sessions end and it recovers from its log, but it is not started again.
	["one of its processes crashes", killSession],
])("when %s, numbers of transactions that PostgreSQL uses again are not skipped", async (_, crash) => {
	const folder = mkdtempSync(join(tmpdir(), "parley-tail-crash-"));
	const server = await startPostgresServer(folder);
	try {
		await migrate(server.url);
		await createEffects(server.url);
		// A rollback is not flushed at once. A long delay makes sure that the crash comes first.
		await query(server.url, "alter system set wal_writer_delay = '10s'");
		await server.restart();
		const db = openNode(server.url);
		const ahead = new ReadAhead<"messages">("messages");
		const look = () =>
			workBatch(
				db,
				{
					name: "test",
					source: "messages",
					from: "beginning",
					maxRows: 100,
					maxBytes: 1_000_000,
					work: (rows, transaction) => recordEffects("test", rows, transaction),
				},
				ahead,
			);
		const lookAtAll = async () => {
			while ((await look()) !== "nothing");
		};
		try {
			let isUsedAgain = false;
			// PostgreSQL may have flushed its log for a reason of its own. Then no number is used again.
			for (let attempt = 0; attempt < 5 && !isUsedAgain; attempt++) {
				const writer = await Writer.connect(server.url);
				await writer.insert(3);
				await lookAtAll();
				for (let n = 0; n < 200; n++) await writer.rollBackNumber();
				await writer.end();
				const highest = await nextNumber(server.url);
				await lookAtAll();
				await crash(server);
				isUsedAgain = (await nextNumber(server.url)) < highest;
				const after = await Writer.connect(server.url);
				await after.insert(5);
				await after.end();
				await until(async () => {
					await lookAtAll();
					expect(await effectCounts(server.url, "test")).toEqual([1]);
					return true;
				});
			}
			expect(isUsedAgain).toBe(true);
		} finally {
			await db.close();
		}
	} finally {
		await server.stop();
		rmSync(folder, { recursive: true });
	}
});

/** The number that the next transaction gets. */
async function nextNumber(url: string): Promise<number> {
	const [row] = await query<{ number: string }>(url, "select pg_snapshot_xmax(pg_current_snapshot())::text as number");
	return Number(row?.number);
}

async function killSession({ url }: PostgresServer): Promise<void> {
	const [victim, other] = [new pg.Client(url), new pg.Client(url)];
	for (const client of [victim, other]) client.on("error", () => {});
	const otherEnded = new Promise<void>((resolve) => other.once("end", resolve));
	await Promise.all([victim.connect(), other.connect()]);
	const [session] = (await victim.query<{ pid: number }>("select pg_backend_pid() as pid")).rows;
	if (!session) throw new Error("PostgreSQL gave no answer");
	process.kill(session.pid, "SIGKILL");
	await otherEnded;
	// It answers again when it has recovered.
	await until(async () => (await nextNumber(url)) > 0);
}
