import { TailReader } from "../../mixins/tail-reader.ts";
import { until } from "../../testing/until.ts";
import { query } from "../support/database.ts";
import { createTailDatabase, effectCounts, openNode, recordEffects, Writer } from "../support/tail.ts";

test("after a dump was restored into a younger cluster: the rest of its rows, then every new row, and none twice", async () => {
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
		await query(database.url, "update messages set created_xid = (9000000000 + seq)::text::xid8");
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
		const [position] = await query<{ isOfHere: boolean }>(database.url, `select xid < '9000000000' as "isOfHere" from consumers`);
		expect(position).toEqual({ isOfHere: true });
	} finally {
		await reader.stop();
		await writer.end();
		await db.close();
		await database.drop();
	}
});
