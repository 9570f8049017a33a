import { createHash, randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import pg from "pg";
import { startPostgres } from "../embedded/postgres.ts";
import { migrate } from "../migrations/migrate.ts";
import { Database, type Statement } from "../mixins/database.ts";
import { append, type Draft } from "../services/messages/append.ts";
import { signatureOf } from "../services/messages/search/signature.ts";
import { textMessages } from "../testing/text-messages.ts";
import { median } from "./percentiles.ts";
import { cpuTimes } from "./proc.ts";
import { seededRandom } from "./random.ts";
import { findPostgres, makeFolder, removeFolder } from "./scratch.ts";
import { Vocabulary } from "./zipf.ts";

// node bench/search-insert.ts [--rounds n --variants n (the first of them)]: what storing messages costs with each index that a search could use, in turns on one machine.

const conversationCount = 20_000;
const batchSize = 200;
const batchesARound = 50;
const { values } = parseArgs({
	options: { rounds: { type: "string", default: "9" }, variants: { type: "string", default: "4" } },
});
const rounds = Number(values.rounds);

const plainKey = "alter table messages drop constraint messages_pkey, add primary key (conversation_id, seq);";
const gin = "with (gin_pending_list_limit = 256)";

/** Each takes the search out of the schema and puts another in. */
const variants: Record<string, { schema: string; isSigned?: boolean }> = {
	"no search": { schema: plainKey },
	"signatures in the primary key": { schema: "", isSigned: true },
	"words: generated tsvector, GIN": {
		schema: `${plainKey} alter table messages add words tsvector generated always as (to_tsvector('simple', coalesce(content, ''))) stored;
			create index on messages using gin (words) ${gin}`,
	},
	"parts of words: trigram GIN": {
		schema: `${plainKey} create extension pg_trgm; create index on messages using gin (content gin_trgm_ops) ${gin}`,
	},
};

/** Stores no signatures. What making them took is taken off afterwards: here Node and PostgreSQL never work at once. */
class Unsigned extends Database {
	override query<Row>(query: Statement, values: unknown[] = []): Promise<Row[]> {
		return super.query<Row>(
			query,
			query.name === "messages.appendNew"
				? values.with(
						8,
						(values[8] as string[]).map(() => null),
					)
				: values,
		);
	}
}

interface Figures {
	wallUs: number;
	nodeUs: number;
	postgresUs: number;
}

const vocabulary = new Vocabulary(1, 50_000);
const random = seededRandom(2);
async function prepare(
	server: string,
	name: string,
	{ schema, isSigned }: { schema: string; isSigned?: boolean },
): Promise<Database> {
	await execute(server, `create database ${name}`);
	const url = new URL(`/${name}`, server).href;
	await migrate(url);
	await execute(
		url,
		`insert into conversations (id, user1_id, user2_id, job_application_id)
		select md5(i::text)::uuid, 'a' || i % 2000, 'e' || i % 200, i from generate_series(1, ${conversationCount}) i`,
		schema,
		"vacuum analyze",
	);
	return new (isSigned ? Database : Unsigned)(url, () => {});
}

async function measure(db: Database, postmasterPid: number): Promise<Figures> {
	const batches = Array.from({ length: batchesARound }, () => Array.from({ length: batchSize }, draft));
	const count = batchesARound * batchSize;
	const signing = db instanceof Unsigned ? measureSigning(batches.flat()) : { wallUs: 0, cpuUs: 0 };
	const [before, startedMs] = [cpuTimes([process.pid], postmasterPid), performance.now()];
	for (const batch of batches) await append(db, textMessages, batch);
	const [after, endedMs] = [cpuTimes([process.pid], postmasterPid), performance.now()];
	return {
		wallUs: ((endedMs - startedMs) * 1000 - signing.wallUs) / count,
		nodeUs: ((after.serverMs - before.serverMs) * 1000 - signing.cpuUs) / count,
		postgresUs: ((after.postgresMs - before.postgresMs) * 1000) / count,
	};
}

function measureSigning(drafts: Draft[]) {
	const [before, startedMs] = [process.cpuUsage(), performance.now()];
	for (const one of drafts) signatureOf(one);
	const { user, system } = process.cpuUsage(before);
	return { wallUs: (performance.now() - startedMs) * 1000, cpuUs: user + system };
}

function draft(): Draft {
	const i = 1 + Math.floor(random() * conversationCount);
	return {
		conversationId: conversationId(i),
		senderId: random() < 0.5 ? `a${i % 2000}` : `e${i % 200}`,
		clientId: randomUUID(),
		type: "TEXT",
		content: vocabulary.text(),
		imageId: null,
		image: null,
		replyToSeq: null,
		metadata: {},
	};
}

/** As `md5(i::text)::uuid` in PostgreSQL. */
function conversationId(i: number): string {
	const hex = createHash("md5").update(String(i)).digest("hex");
	return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

async function execute(url: string, ...statements: string[]): Promise<void> {
	const client = new pg.Client({ connectionString: url });
	await client.connect();
	for (const sql of statements) await client.query(sql);
	await client.end();
}

/** Medians of the rounds; the share is of each round's own figure without search, since what else the machine does comes and goes. */
function report(results: Map<string, Figures[]>): void {
	const without = results.get("no search") ?? [];
	const table = [...results].map(([name, figures]) => {
		const of = (figure: (one: Figures) => number) => median(figures.map(figure));
		const cpu = ({ nodeUs, postgresUs }: Figures) => nodeUs + postgresUs;
		const shares = (figure: (one: Figures) => number) =>
			median(figures.map((one, round) => figure(one) / figure(without[round] ?? one)));
		return {
			name,
			"messages/s": Math.round(1e6 / of(({ wallUs }) => wallUs)),
			throughput: percent(1 / shares(({ wallUs }) => wallUs) - 1),
			"CPU µs/message": Math.round(of(cpu)),
			"of that Node": Math.round(of(({ nodeUs }) => nodeUs)),
			CPU: percent(shares(cpu) - 1),
		};
	});
	console.table(table);
}

const percent = (share: number) => `${share > 0 ? "+" : ""}${(share * 100).toFixed(1)} %`;

const folder = await makeFolder();
const postgres = await startPostgres({ dataDir: folder });
try {
	const { postmasterPid } = await findPostgres(folder);
	const databases = new Map<string, Database>();
	for (const [i, [name, variant]] of Object.entries(variants).slice(0, Number(values.variants)).entries())
		databases.set(name, await prepare(postgres.url, `variant${i}`, variant));
	const results = new Map([...databases.keys()].map((name) => [name, [] as Figures[]]));
	for (let round = 0; round < rounds; round++) {
		for (const [name, db] of databases) {
			const figures = await measure(db, postmasterPid);
			// The first round warms up.
			if (round > 0) results.get(name)?.push(figures);
		}
	}
	report(results);
	for (const db of databases.values()) await db.close();
} finally {
	await postgres.stop();
	await removeFolder(folder);
}
