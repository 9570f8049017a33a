import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Database } from "../../../mixins/database.ts";
import { type Lag, lagOf } from "../../../mixins/tail/lag.ts";
import { until } from "../../../testing/until.ts";
import { startBroker, type TestNode } from "../../support/broker.ts";
import { createMigratedDatabase, query, type TestDatabase } from "../../support/database.ts";
import { Consumers, consumerName } from "./consumers.ts";
import { Load } from "./load.ts";

/** Everything must have had its effect by then. */
const caughtUpWithinMs = 180_000;

/** A node that stores messages, a steady load on it, and processes with a consumer. */
export class Ground {
	readonly folder: string;
	readonly database: TestDatabase;
	readonly node: TestNode;
	readonly consumers: Consumers;
	readonly db: Database;

	private constructor(folder: string, database: TestDatabase, node: TestNode, consumers: Consumers) {
		this.folder = folder;
		this.database = database;
		this.node = node;
		this.consumers = consumers;
		this.db = new Database(database.url, () => {});
	}

	static async start(processes: number): Promise<Ground> {
		const folder = mkdtempSync(join(tmpdir(), "parley-tail-"));
		const database = await createMigratedDatabase();
		await query(database.url, effectsTable);
		const node = await startBroker({
			databaseUrl: database.url,
			services: ["conversations", "directory", "messages"],
			env: { RATE_LIMIT_MESSAGES: "off", RATE_LIMIT_CONVERSATIONS: "off" },
		});
		return new Ground(folder, database, node, await Consumers.start(database.url, folder, processes));
	}

	startLoad(): Promise<Load> {
		return Load.start(this.node.calls);
	}

	async lag(): Promise<Lag> {
		return (await lagOf(this.db, consumerName)) ?? { rows: 0, seconds: 0 };
	}

	/** Each of the messages has had its effect once. Says how long that took. */
	async expectAllOnce(messages: number): Promise<{ caughtUpMs: number }> {
		const fromMs = performance.now();
		await until(
			async () => {
				expect(await query(this.database.url, differences)).toEqual([]);
				return true;
			},
			{ timeoutMs: caughtUpWithinMs, intervalMs: 100 },
		);
		const caughtUpMs = performance.now() - fromMs;
		const [stored] = await query(this.database.url, "select count(*)::int as messages from messages");
		expect(stored).toEqual({ messages });
		return { caughtUpMs };
	}

	/** How many effects were written by batches that were cut off before their commit. */
	async effectsCutOff(): Promise<number> {
		const [row] = await query<{ count: number }>(this.database.url, cutOff);
		return row?.count ?? 0;
	}

	async stop(): Promise<void> {
		await this.consumers.stop();
		await this.node.stop();
		await this.db.close();
		await this.database.drop();
		rmSync(this.folder, { recursive: true });
	}
}

const effectsTable = `
	create table effects (
		conversation_id uuid, seq bigint, times int not null, attempt bigint generated always as identity,
		primary key (conversation_id, seq)
	)`;

/** A number of a sequence is used up although the transaction that took it is rolled back. */
const cutOff = "select (last_value - (select count(*) from effects))::int as count from effects_attempt_seq";

/** Messages without an effect, with more than one, and effects without a message. */
const differences = `
	select conversation_id, seq, m.seq is not null as "isStored", e.times
	from messages m full join effects e using (conversation_id, seq)
	where m.seq is null or e.times is distinct from 1
	limit 10`;
