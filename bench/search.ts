import { parseArgs } from "node:util";
import pg from "pg";
import { v7 as uuidv7 } from "uuid";
import { startPostgres } from "../embedded/postgres.ts";
import { migrate } from "../migrations/migrate.ts";
import { Database } from "../mixins/database.ts";
import { candidatesStatement } from "../services/messages/search/candidates-statement.ts";
import { indexMessages } from "../services/messages/search/index-messages.ts";
import { lexemesOf } from "../services/messages/search/lexemes.ts";
import { parseQuery } from "../services/messages/search/query.ts";
import { search } from "../services/messages/search/search.ts";
import type { LanguagesOf } from "../services/messages/search/sender-languages.ts";
import { masksOf, signatureOf } from "../services/messages/search/signature.ts";
import { textMessages } from "../testing/text-messages.ts";
import { percentiles } from "./percentiles.ts";
import { seededRandom } from "./random.ts";
import { makeFolder, removeFolder } from "./scratch.ts";
import { Vocabulary } from "./zipf.ts";

// node bench/search.ts [--messages n --long n --searches n --seed n]: what a search costs, in a conversation and over all of a user's.
// `--messages` are spread over 20,000 conversations; one more conversation has `--long` messages.

const { values } = parseArgs({
	options: {
		messages: { type: "string", default: "1000000" },
		long: { type: "string", default: "1000000" },
		searches: { type: "string", default: "200" },
		seed: { type: "string", default: "1" },
	},
});
const [messageCount, longCount, searchCount, seed] = [values.messages, values.long, values.searches, values.seed].map(Number) as [
	number,
	number,
	number,
	number,
];
const conversationCount = 20_000;
/** Employers have 100 conversations each, applicants ten. The first employer has the long conversation too. */
const employerCount = conversationCount / 100;
const applicantCount = conversationCount / 10;
/** As the tail reader indexes them. */
const batchSize = 500;

const vocabulary = new Vocabulary(seed, 50_000);
const random = seededRandom(seed + 1);
const long = vocabulary.words.filter((word) => word.length >= 4);
/** A word that English reads as a form of another one, which is no word of the texts itself. */
const formOf = (from: number) =>
	`${long.slice(from).find((word) => /[bdfgklmnprt]$/.test(word) && !vocabulary.words.includes(`${word}s`))}s`;
/** A word that is in no text, but is what English makes of a frequent one. */
async function stemOfFrequent(db: Database): Promise<string> {
	const stems = await lexemesOf(
		db,
		long.slice(0, 1_000).map((word) => ({ language: "english", word })),
	);
	return stems.flat().find((stem) => stem.length >= 3 && !vocabulary.words.includes(stem)) ?? "";
}

const wordsOf = async (db: Database) => ({
	frequent: long[0] ?? "",
	rare: long[20_000] ?? "",
	absent: "zzyzx",
	"a form of a frequent one": formOf(0),
	"a form of a rare one": formOf(20_000),
	"the stem of a frequent one": await stemOfFrequent(db),
	"two frequent": `${long[1]} ${long[2]}`,
	"two frequent, one as a form": `${long[1]} ${formOf(2)}`,
	"two absent": "zzyzx zzyzy",
});

interface Conversation {
	id: string;
	applicant: string;
	employer: string;
	seq: number;
}

async function load(url: string): Promise<Conversation[]> {
	const client = new pg.Client({ connectionString: url });
	await client.connect();
	const db = new Database(url, () => {});
	const startedMs = performance.now();
	let indexedMs = 0;
	const conversations = Array.from({ length: conversationCount + 1 }, (_, i) => ({
		id: uuidv7(),
		applicant: `a${i % applicantCount}`,
		employer: `e${i % employerCount}`,
		seq: 0,
	}));
	const long = conversations.at(-1) as Conversation;
	const count = messageCount + longCount;
	for (let done = 0; done < count; done += batchSize) {
		const rows = Array.from({ length: Math.min(batchSize, count - done) }, (_, i) => {
			const isLong = random() * (count - done - i) < longCount - long.seq;
			const conversation = isLong ? long : (conversations[Math.floor(random() * conversationCount)] as Conversation);
			const senderId = random() < 0.5 ? conversation.applicant : conversation.employer;
			const content = vocabulary.text();
			const at = new Date(Date.UTC(2026, 0, 1) + (done + i) * 10_000).toISOString();
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
		const messages = rows.map(({ conversation, seq }) => ({ conversationId: conversation.id, seq }));
		const beforeMs = performance.now();
		await db.transaction((transaction) => indexMessages(messages, transaction, english));
		indexedMs += performance.now() - beforeMs;
	}
	await client.query(insertConversations, [
		conversations.map(({ id }) => id),
		conversations.map(({ applicant }) => applicant),
		conversations.map(({ employer }) => employer),
		conversations.map(({ seq }) => seq),
	]);
	await client.query("vacuum analyze");
	const { rows } = await client.query<Record<string, string>>(sizes);
	console.log(
		`${messageCount} messages in ${conversationCount} conversations and ${longCount} in one, ${seconds(startedMs)} s to load,`,
		`of them ${Math.round(indexedMs / 1000)} s for the full-text index:`,
		rows[0],
	);
	await db.close();
	await client.end();
	return conversations;
}

const english: LanguagesOf = async (ids) => new Map(ids.map((id) => [id, "english"]));

const insertMessages = `
	insert into messages (conversation_id, seq, created_at, sender_id, content, search, user1_sent, user2_sent, id, client_id, type, metadata)
	select m.*, 0, 0, gen_random_uuid(), gen_random_uuid(), 'TEXT', '{}'
	from unnest($1::uuid[], $2::bigint[], $3::timestamptz[], $4::text[], $5::text[], $6::varbit[]) as m`;

const insertConversations = `
	insert into conversations (id, user1_id, user2_id, job_application_id, last_seq, last_message_at)
	select id, applicant, employer, id, seq, now() from unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[]) as c (id, applicant, employer, seq)`;

const sizes = `
	select pg_size_pretty(pg_relation_size('messages')) as messages, pg_size_pretty(pg_relation_size('messages_pkey')) as "messages_pkey",
		pg_size_pretty(pg_relation_size('message_search')) as "message_search", pg_size_pretty(pg_relation_size('message_search_words')) as "message_search_words",
		round(avg(length(content))) as characters from messages tablesample system (1)`;

/** Where is searched, and what 95 of 100 searches should take at the most, in milliseconds. */
interface Place {
	name: string;
	goalMs: number;
	/** Whose messages, and in which conversation. */
	choose(): [callerId: string, conversationId: string | undefined];
}

function placesOf(conversations: Conversation[]): Place[] {
	const longest = conversations.at(-1) as Conversation;
	return [
		{
			name: "a conversation",
			goalMs: 20,
			choose() {
				const { employer, id } = conversations[Math.floor(random() * conversationCount)] as Conversation;
				return [employer, id];
			},
		},
		{
			name: "100 conversations",
			goalMs: 50,
			choose: () => [`e${1 + Math.floor(random() * (employerCount - 1))}`, undefined],
		},
		{ name: `one of ${longest.seq}`, goalMs: 50, choose: () => [longest.employer, longest.id] },
		{ name: `100 conversations and the one of ${longest.seq}`, goalMs: 50, choose: () => [longest.employer, undefined] },
	];
}

async function report(url: string, conversations: Conversation[]): Promise<void> {
	const db = new Database(url, () => {});
	const words = await wordsOf(db);
	const table = [];
	// Connections, plans and compiled code, as a server has them that has run for a minute.
	for (let i = 0; i < 200; i++) {
		const { employer, id: conversationId } = conversations[i] as Conversation;
		const q = Object.values(words)[i % Object.keys(words).length] ?? "";
		await search(db, textMessages, employer, { conversationId, q, sort: "relevance", limit: 20, cursor: undefined });
	}
	for (const { name, goalMs, choose } of placesOf(conversations)) {
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
				table.push({
					place: name,
					word,
					sort,
					p50: ms(p50),
					p95: ms(p95),
					goal: goalMs,
					max: ms(max),
					found: found / searchCount,
				});
			}
		}
	}
	console.table(table);
	await db.close();
	await explain(url, "100 conversations, the frequent word", "user", "e7", words.frequent);
	await explain(url, "a conversation, the rare word", "conversation", (conversations[7] as Conversation).id, words.rare);
	const missed = table.filter(({ p95, goal }) => p95 > goal);
	for (const { place, word, sort, p95, goal } of missed) console.log(`MISSED: ${place}, ${word}, ${sort}: ${p95} ms of ${goal}`);
	console.log(
		missed.length === 0 ? `The p95 of all ${table.length} rows is within its goal.` : `${missed.length} rows miss their goal.`,
	);
	process.exitCode = missed.length === 0 ? 0 : 1;
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
