import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrate } from "../../migrations/migrate.ts";
import type { Database } from "../../mixins/database.ts";
import { ReadAhead } from "../../mixins/tail/read-ahead.ts";
import { type Work, workBatch } from "../../mixins/tail/work-batch.ts";
import { until } from "../../testing/until.ts";
import { query } from "../support/database.ts";
import { type Replicated, startReplicated } from "../support/standby.ts";
import { createEffects, effectCounts, openNode, recordEffects, strayEffects, Writer } from "../support/tail.ts";

jest.setTimeout(120_000);

let folder: string;
let servers: Replicated;
let before: Database;
let after: Database;

beforeAll(async () => {
	folder = mkdtempSync(join(tmpdir(), "parley-tail-failover-"));
	servers = await startReplicated(folder, async (url) => {
		await migrate(url);
		await createEffects(url);
	});
	before = openNode(servers.primary.url);
	after = openNode(servers.standby.url);
});

afterAll(async () => {
	await after?.close();
	await before?.close();
	await servers?.stop();
	rmSync(folder, { recursive: true });
});

test("after a failover each message that the new primary has is worked once, and none of those that it lacks", async () => {
	// One node, which goes from one server to the other.
	const ahead = new ReadAhead<"messages">("messages");
	const record: Work<"messages"> = (rows, transaction) => recordEffects("test", rows, transaction);
	const look = (db: Database, work = record) =>
		workBatch(db, { name: "test", source: "messages", from: "beginning", maxRows: 4, maxBytes: 1_000_000, work }, ahead);
	const { primary, standby } = servers;
	const writer = await Writer.connect(primary.url);
	await until(async () => (await look(before)) === "created");
	await writer.insert(3);
	await writer.insert(5);
	await until(async () => (await look(before)) === "nothing" && (await query(primary.url, "select from effects")).length === 8);
	await servers.caughtUp();
	await expect(look(after)).rejects.toMatchObject({ type: "UNAVAILABLE" });

	// From here on the standby gets nothing more: it lacks the next messages, and their numbers will be used again.
	await query(standby.url, "alter system set primary_conninfo = ''");
	await query(standby.url, "select pg_reload_conf()");
	await until(async () => (await query(primary.url, "select from pg_stat_replication")).length === 0);
	await writer.insert(6);
	await writer.end();
	// It has read all of them ahead when the primary is lost.
	const lost = look(before, async () => {
		throw new Error("The primary is lost");
	});
	await expect(lost).rejects.toThrow("The primary is lost");

	await servers.promote();
	const newWriter = await Writer.connect(standby.url);
	await newWriter.insert(2);
	await until(async () => {
		await look(after);
		expect(await effectCounts(standby.url, "test")).toEqual([1]);
		return true;
	});
	await newWriter.insert(7);
	await newWriter.end();
	await until(async () => (await look(after)) === "nothing");
	expect(await effectCounts(standby.url, "test")).toEqual([1]);
	expect(await strayEffects(standby.url)).toBe(0);
	expect(await query(standby.url, "select from effects")).toHaveLength(17);
});
