import { randomUUID } from "node:crypto";
import pg from "pg";
import { Database, statement, type Transaction } from "../../mixins/database.ts";
import type { NewMessage } from "../../mixins/tail-reader.ts";
import { createMigratedDatabase, query, type TestDatabase } from "./database.ts";

/** A database with a table of effects. */
export async function createTailDatabase(): Promise<TestDatabase> {
	const database = await createMigratedDatabase();
	await createEffects(database.url);
	return database;
}

/** A table of effects. It takes the same message twice, so that the test sees it. */
export async function createEffects(url: string): Promise<void> {
	await query(url, "create table effects (consumer text, conversation_id uuid, seq bigint)");
}

/** A pool of its own, as a node has it. */
export const openNode = (url: string) => new Database(url, () => {});

/** The effect of a batch: one row of `effects` for each message, in one statement. */
export async function recordEffects(consumer: string, rows: NewMessage[], transaction: Transaction): Promise<void> {
	const values = [consumer, rows.map(({ conversationId }) => conversationId), rows.map(({ seq }) => seq)];
	await transaction.query(recordStatement, values);
}

const recordStatement = statement(
	"test.record",
	"insert into effects select $1, m.conversation_id, m.seq from messages m join unnest($2::uuid[], $3::bigint[]) as n (conversation_id, seq) using (conversation_id, seq)",
);

/** Somebody who writes messages in transactions of their own. */
export class Writer {
	readonly #client: pg.Client;

	private constructor(client: pg.Client) {
		this.#client = client;
	}

	static async connect(url: string): Promise<Writer> {
		const client = new pg.Client({ connectionString: url });
		await client.connect();
		return new Writer(client);
	}

	async begin(): Promise<void> {
		await this.#client.query("begin");
	}

	/** So many messages of a new conversation, whose id is returned. */
	async insert(count = 1, content = "text"): Promise<string> {
		const id = randomUUID();
		await this.#client.query(
			`insert into messages (conversation_id, seq, user1_sent, user2_sent, created_at, id, client_id, sender_id, type, content, metadata)
			select $1, n, n, 0, now(), gen_random_uuid(), gen_random_uuid(), 'a', 'TEXT', $3, '{}' from generate_series(1, $2::int) n`,
			[id, count, content],
		);
		return id;
	}

	async commit(): Promise<void> {
		await this.#client.query("commit");
	}

	async rollback(): Promise<void> {
		await this.#client.query("rollback");
	}

	/** Uses a transaction number for nothing. */
	async rollBackNumber(): Promise<void> {
		await this.#client.query("begin; select pg_current_xact_id(); rollback");
	}

	end(): Promise<void> {
		return this.#client.end();
	}
}

/** How often each committed message had an effect for this consumer: the numbers that occur, without a repeat. */
export async function effectCounts(url: string, consumer: string): Promise<number[]> {
	const rows = await query<{ count: number }>(
		url,
		`select distinct count(e.seq)::int as count from messages m
		left join effects e on e.consumer = $1 and e.conversation_id = m.conversation_id and e.seq = m.seq
		group by m.conversation_id, m.seq order by count`,
		[consumer],
	);
	return rows.map(({ count }) => count);
}

/** Effects of messages that are not there. */
export async function strayEffects(url: string): Promise<number> {
	const [row] = await query<{ count: number }>(
		url,
		"select count(*)::int as count from effects e where not exists (select from messages m where m.conversation_id = e.conversation_id and m.seq = e.seq)",
	);
	return row?.count ?? 0;
}
