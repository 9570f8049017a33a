import { Database, statement } from "../../../mixins/database.ts";
import { TailReader } from "../../../mixins/tail-reader.ts";

/** A process with a consumer that is killed at random. Its effect on a message is to count it, so that a repeat is seen. */
const count = statement(
	"test.count",
	`insert into effects (conversation_id, seq, times)
	select n.conversation_id, n.seq, 1 from unnest($1::uuid[], $2::bigint[]) as n (conversation_id, seq)
	on conflict (conversation_id, seq) do update set times = effects.times + 1`,
);

/** Makes a batch take long, so that many are running when the process is killed. */
const takeLong = statement("test.takeLong", "select pg_sleep(0.02)");

const db = new Database(process.env.DATABASE_URL ?? "", () => {});
const reader = new TailReader(db, console, {
	name: process.env.CONSUMER ?? "",
	source: "messages",
	maxRows: 10,
	intervalMs: 100,
	async work(rows, transaction) {
		await transaction.query(count, [rows.map(({ conversationId }) => conversationId), rows.map(({ seq }) => seq)]);
		await transaction.query(takeLong);
	},
});
reader.start();
console.log(`Process ${process.pid} has started`);
