import { parseArgs } from "node:util";
import pg from "pg";
import { v7 as uuidv7 } from "uuid";
import { startPostgres } from "../embedded/postgres.ts";
import { migrate } from "../migrations/migrate.ts";
import { Database } from "../mixins/database.ts";
import { candidatesStatement } from "../services/messages/search/candidates.ts";
import { parseQuery } from "../services/messages/search/query.ts";
import { search } from "../services/messages/search/search.ts";
import { masksOf, signatureOf } from "../services/messages/search/signature.ts";
import { textMessages } from "../testing/text-messages.ts";
import { percentiles } from "./percentiles.ts";
import { seededRandom } from "./random.ts";
import { makeFolder, removeFolder } from "./scratch.ts";
import { Vocabulary } from "./zipf.ts";

// node bench/search.ts [--messages n --searches n --seed n]: what a search costs, in a conversation and over all of a user's.

const { values } = parseArgs({
	options: {
		messages: { type: "string", default: "1000000" },
		searches: { type: "string", default: "200" },
		seed: { type: "string", default: "1" },
	},
});
const [messageCount, searchCount, seed] = [Number(values.messages), Number(values.searches), Number(values.seed)];
const conversationCount = 20_000;
/** Employers have 100 conversations each, applicants ten. */
const employerCount = conversationCount / 100;
const applicantCount = conversationCount / 10;
const batchSize = 5_000;
/** One conversation is long: it has every fiftieth message. */
const longShare = 0.02;

const vocabulary = new Vocabulary(seed, 50_000);
const random = seededRandom(seed + 1);
const long = vocabulary.words.filter((word) => word.length >= 4);
const words = { frequent: long[0] ?? "", rare: long[20_000] ?? "", none: "zzyzx" };

interface Conversation {
	id: string;
	applicant: string;
	employer: string;
	seq: number;
}

async function load(url: string): Promise<Conversation[]> {
	const client = new pg.Client({ connectionString: url });
	await client.connect();
	const startedMs = performance.now();
	const conversations = Array.from({ length: conversationCount }, (_, i) => ({
		id: uuidv7(),
		applicant: `a${i % applicantCount}`,
		employer: `e${i % employerCount}`,
		seq: 0,
	}));
	for (let done = 0; done < messageCount; done += batchSize) {
		const rows = Array.from({ length: Math.min(batchSize, messageCount - done) }, (_, i) => {
			const chosen = random() < longShare ? 0 : Math.floor(random() * conversationCount);
			const conversation = conversations[chosen] as Conversation;
			const senderId = random() < 0.5 ? conversation.applicant : conversation.employer;
			const content = vocabulary.text();
			const at = new Date(Date.UTC(2026, 0, 1) + (done + i) * 20_000).toISOString();
			return { conversation, seq: ++conversation.seq, senderId, content, at };
		});
		await client.query(insertMessages, [
			rows.map(({ conversation }) => conversation.id),
			rows.map(({ seq }) => seq),
			rows.map(({ at }) => at),
			rows.map(({ senderId }) => senderId),
			rows.map(({ content }) => content),
			rows.map(({ senderId, content }) => signatureOf({ senderId, type: "TEXT", content })),
		]);
	}
	await client.query(insertConversations, [
		conversations.map(({ id }) => id),
		conversations.map(({ applicant }) => applicant),
		conversations.map(({ employer }) => employer),
		conversations.map(({ seq }) => seq),
	]);
	await client.query("vacuum analyze");
	const { rows } = await client.query<Record<string, string>>(sizes);
	console.log(`${messageCount} messages in ${conversationCount} conversations, ${seconds(startedMs)} s to load:`, rows[0]);
	await client.end();
	return conversations;
}

const insertMessages = `
	insert into messages (conversation_id, seq, created_at, sender_id, content, search, user1_sent, user2_sent, id, client_id, type, metadata)
	select m.*, 0, 0, gen_random_uuid(), gen_random_uuid(), 'TEXT', '{}'
	from unnest($1::uuid[], $2::bigint[], $3::timestamptz[], $4::text[], $5::text[], $6::varbit[]) as m`;

const insertConversations = `
	insert into conversations (id, user1_id, user2_id, job_application_id, last_seq, last_message_at)
	select id, applicant, employer, id, seq, now() from unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[]) as c (id, applicant, employer, seq)`;

const sizes = `
	select pg_size_pretty(pg_relation_size('messages')) as messages, pg_size_pretty(pg_relation_size('messages_pkey')) as "messages_pkey",
		round(avg(length(content))) as characters from messages tablesample system (1)`;

async function report(url: string, conversations: Conversation[]): Promise<void> {
	const db = new Database(url, () => {});
	const longest = conversations[0] as Conversation;
	const places: Record<string, () => [string, string | undefined]> = {
		"a conversation": () => {
			const { employer, id } = conversations[1 + Math.floor(random() * (conversationCount - 1))] as Conversation;
			return [employer, id];
		},
		[`one of ${longest.seq}`]: () => [longest.employer, longest.id],
		"100 conversations": () => [`e${1 + Math.floor(random() * (employerCount - 1))}`, undefined],
	};
	const table = [];
	for (const [place, choose] of Object.entries(places)) {
		for (const [word, q] of Object.entries(words)) {
			for (const sort of ["recent", "relevance"] as const) {
				const times: number[] = [];
				let found = 0;
				for (let i = 0; i < searchCount; i++) {
					const [callerId, conversationId] = choose();
					const startedMs = performance.now();
					const { items } = await search(db, textMessages, callerId, { conversationId, q, sort, limit: 20, cursor: undefined });
					times.push(performance.now() - startedMs);
					found += items.length;
				}
				const { p50, p95, max } = percentiles(times);
				table.push({ place, word, sort, p50: ms(p50), p95: ms(p95), max: ms(max), found: found / searchCount });
			}
		}
	}
	console.table(table);
	await db.close();
	await explain(url, "100 conversations, the frequent word", "user", "e7", words.frequent);
	await explain(url, "a conversation, the rare word", "conversation", (conversations[7] as Conversation).id, words.rare);
}

async function explain(url: string, title: string, scope: "user" | "conversation", subject: string, q: string): Promise<void> {
	const client = new pg.Client({ connectionString: url });
	await client.connect();
	const { groups, filters } = parseQuery(q);
	const latest = ["infinity", "ffffffff-ffff-ffff-ffff-ffffffffffff", Number.MAX_SAFE_INTEGER];
	const { rows } = await client.query<Record<string, string>>(
		`explain (analyze, buffers) ${candidatesStatement(scope, groups.length).text}`,
		[subject, 80, "-infinity", "infinity", ...latest, ...groups.flatMap((group) => masksOf(group, filters, ""))],
	);
	console.log(`\n${title}:\n${rows.map((row) => row["QUERY PLAN"]?.slice(0, 200)).join("\n")}`);
	await client.end();
}

const ms = (time: number) => Number(time.toFixed(1));
const seconds = (sinceMs: number) => Math.round((performance.now() - sinceMs) / 1000);

const folder = await makeFolder();
const postgres = await startPostgres({ dataDir: folder });
try {
	await migrate(postgres.url);
	const conversations = await load(postgres.url);
	await report(postgres.url, conversations);
} finally {
	await postgres.stop();
	await removeFolder(folder);
}
