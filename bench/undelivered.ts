import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import pg from "pg";
import { startPostgres } from "../embedded/postgres.ts";
import { migrate } from "../migrations/migrate.ts";
import { Database } from "../mixins/database.ts";
import { backlog } from "../services/messages/backlog.ts";
import { createToMessages } from "../services/messages/message-row.ts";
import { undelivered } from "../services/messages/undelivered.ts";

/**
 * Measures how long the database takes to find messages that users' devices have not acknowledged:
 *
 * 1. for all users once, in the calls that a gateway makes, when nothing is missing;
 * 2. for one user who misses many messages, with one page of them.
 *
 *     node bench/undelivered.ts [--users 50000] [--conversations 20]
 */
const { values } = parseArgs({
	options: { users: { type: "string", default: "50000" }, conversations: { type: "string", default: "20" } },
});
const [users, conversations] = [Number(values.users), Number(values.conversations)];
const chunkSize = 100;
const missingConversations = 1_000;

const folder = mkdtempSync(join(tmpdir(), "parley-undelivered-"));
const postgres = await startPostgres({ dataDir: folder });
try {
	await migrate(postgres.url);
	await seed(postgres.url);
	const db = new Database(postgres.url, () => {});
	await sweep(db);
	const costs = await sweep(db);
	const total = costs.reduce((sum, cost) => sum + cost, 0);
	process.stdout.write(
		`${users} users × ${conversations} conversations, nothing missing: ${total.toFixed(0)} ms in ${costs.length} calls, ` +
			`the longest ${Math.max(...costs).toFixed(1)} ms\n`,
	);

	const toMessages = createToMessages(() => Promise.reject(new Error("there are no images here")), console);
	const beginMs = performance.now();
	const lagging = await undelivered(db, [{ userId: "missing", afterId: null }]);
	const foundMs = performance.now();
	const messages = await backlog(db, toMessages, { userId: "missing", cursors: lagging });
	process.stdout.write(
		`a user who misses 10 messages in each of ${missingConversations} conversations: found in ${(foundMs - beginMs).toFixed(1)} ms, ` +
			`a page of ${messages.length} messages ${(performance.now() - foundMs).toFixed(1)} ms\n`,
	);
	await db.close();
} finally {
	await postgres.stop();
	rmSync(folder, { recursive: true, force: true });
}

/** The milliseconds of each call. */
async function sweep(db: Database): Promise<number[]> {
	const costs: number[] = [];
	for (let start = 0; start < users; start += chunkSize) {
		const chunk = Array.from({ length: Math.min(chunkSize, users - start) }, (_, i) => ({
			userId: `user${start + i}`,
			afterId: null,
		}));
		const beginMs = performance.now();
		const lagging = await undelivered(db, chunk);
		costs.push(performance.now() - beginMs);
		if (lagging.length > 0) throw new Error("a message is missing");
	}
	return costs;
}

/** Each user has written and received one message in each conversation; one user has received nothing. */
async function seed(url: string): Promise<void> {
	const client = new pg.Client({ connectionString: url });
	await client.connect();
	for (const [partner, people, each, delivered] of [
		["user", users, conversations, 2],
		["missing", 1, missingConversations, 0],
	] as const) {
		const messages = delivered === 2 ? 2 : 10;
		await client.query(`
			insert into conversations (id, user1_id, user2_id, job_application_id, last_seq, user1_sent, user2_sent, last_message_at)
			select gen_random_uuid(), '${partner}' || ${delivered === 2 ? "i" : "''"}, 'other' || j, 'application' || i || '-' || j,
				${messages}, ${delivered === 2 ? 1 : 0}, ${delivered === 2 ? 1 : 10}, now() - interval '1 day'
			from generate_series(0, ${people - 1}) as i, generate_series(1, ${each}) as j`);
		await client.query(`
			insert into participants (conversation_id, user_id, delivered_seq)
			select id, user1_id, ${delivered} from conversations where user1_id like '${partner}%'
			union all select id, user2_id, ${messages} from conversations where user1_id like '${partner}%'`);
		await client.query(`
			insert into messages (conversation_id, seq, user1_sent, user2_sent, created_at, id, client_id, sender_id, type, content, metadata)
			select id, seq, ${delivered === 2 ? "(seq + 1) / 2" : "0"}, ${delivered === 2 ? "seq / 2" : "seq"}, now() - interval '1 day',
				gen_random_uuid(), gen_random_uuid(), case when ${delivered === 2 ? "seq = 1" : "false"} then user1_id else user2_id end, 'TEXT', 'text', '{}'
			from conversations, generate_series(1, ${messages}) as seq where user1_id like '${partner}%'`);
	}
	await client.query("vacuum analyze");
	await client.end();
}
