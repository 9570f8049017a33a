import { randomUUID } from "node:crypto";
import fc from "fast-check";
import pg from "pg";
import { Database } from "../../mixins/database.ts";
import { frequentLexemes } from "../../services/messages/search/frequent-lexemes.ts";
import { indexMessages } from "../../services/messages/search/index-messages.ts";
import { search } from "../../services/messages/search/search.ts";
import { signatureOf } from "../../services/messages/search/signature.ts";
import { textMessages } from "../../testing/text-messages.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/database.ts";
import { relatedWords } from "../support/form-pairs.ts";

/** Searches by relevance alone, without a broker: nobody indexes but the tests. */
let database: TestDatabase;
let db: Database;
let sql: pg.Client;
/** Searches here know from statistics which words are frequent. Elsewhere all are taken for rare. */
let analyzed: Database;

beforeAll(async () => {
	database = await createMigratedDatabase();
	db = new Database(database.url, () => {});
	sql = new pg.Client({ connectionString: database.url });
	await sql.connect();
	await conversationOf(relatedWords);
	await page("nobody", "job", 1);
	await sql.query("analyze message_search");
	analyzed = new Database(database.url, () => {});
}, 30_000);

afterAll(async () => {
	await sql.end();
	await db.close();
	await analyzed.close();
	await database.drop();
});

const english = async (ids: string[]) => new Map(ids.map((id) => [id, "english" as const]));

async function open(me: string): Promise<string> {
	const id = randomUUID();
	await sql.query(
		"insert into conversations (id, user1_id, user2_id, job_application_id, last_seq, last_message_at) values ($1::uuid, $2, $3, $1::text, 0, now())",
		[id, me, `them-${id}`],
	);
	return id;
}

/** Adds messages behind those of the conversation, a second after each other, and three at once. */
async function write(id: string, contents: string[]): Promise<void> {
	await sql.query(
		`insert into messages (conversation_id, seq, user1_sent, user2_sent, created_at, id, client_id, sender_id, type, content, metadata, search)
		select $1, c.last_seq + n, 0, 0, '2026-01-01'::timestamptz + (c.last_seq + n) / 3 * interval '1 second',
			gen_random_uuid(), gen_random_uuid(), 'ada', 'TEXT', content, '{}', search
		from conversations c, unnest($2::text[], $3::varbit[]) with ordinality as m (content, search, n) where c.id = $1`,
		[id, contents, contents.map((content) => signatureOf({ senderId: "ada", type: "TEXT", content }))],
	);
	await sql.query("update conversations set last_seq = last_seq + $2 where id = $1", [id, contents.length]);
}

async function index(id: string, from: number, to: number): Promise<void> {
	const rows = Array.from({ length: to - from + 1 }, (_, i) => ({ conversationId: id, seq: from + i }));
	await db.transaction((transaction) => indexMessages(rows, transaction, english));
}

/** A conversation of somebody new with these messages, which are indexed. */
async function conversationOf(contents: string[]) {
	const me = `me-${randomUUID()}`;
	const id = await open(me);
	await write(id, contents);
	await index(id, 1, contents.length);
	return { me, id };
}

const page = (me: string, q: string, limit: number, cursor?: string, on = db) =>
	search(on, textMessages, me, { conversationId: undefined, q, sort: "relevance", limit, cursor });

/** What all pages find. `between` is called after each page. */
async function allPages(me: string, q: string, limit: number, between?: () => Promise<void>, on = db) {
	const messages: { conversationId: string; seq: number; content: string }[] = [];
	for (let cursor: string | undefined; ; ) {
		const { items, nextCursor } = await page(me, q, limit, cursor, on);
		messages.push(
			...items.map(({ message: { conversationId, seq, content } }) => ({ conversationId, seq, content: content ?? "" })),
		);
		if (nextCursor === null) return messages;
		await between?.();
		cursor = nextCursor;
	}
}

const numbered = (count: number, text: string) => Array.from({ length: count }, (_, i) => `${text} ${i}`);

test("a whole word comes before 3,000 newer forms of it, and all of these are on the pages after it, newest first", async () => {
	const { me } = await conversationOf(["the ship", ...numbered(3_000, "ships")]);
	const found = await allPages(me, "ship", 100);
	expect(found.map(({ content }) => content)).toEqual(["the ship", ...numbered(3_000, "ships").reverse()]);
	expect((await page(me, '"ship"', 20)).items.map(({ message }) => message.content)).toEqual(["the ship"]);
}, 60_000);

test("fewer forms come before more, in the whole history", async () => {
	const { me } = await conversationOf(["a ship, its captain", "a ship, its captains", ...numbered(3_000, "ships and captains")]);
	const { items } = await page(me, "captain ship", 3);
	expect(items.map(({ message }) => message.content)).toEqual([
		"a ship, its captain",
		"a ship, its captains",
		"ships and captains 2999",
	]);
}, 60_000);

test("of a hundred equally good ones those whose words stand together come first; what is sent meanwhile shifts nothing", async () => {
	const contents = Array.from({ length: 250 }, (_, i) => (i % 10 === 0 ? `lead developer ${i}` : `lead the developer ${i}`));
	const { me, id } = await conversationOf(contents);
	const found = await allPages(me, "lead developer", 7, () => write(id, ["lead developer, later"]));
	const expected = [contents.slice(150), contents.slice(50, 150), contents.slice(0, 50)].flatMap((block) => {
		const newest = block.toReversed();
		return [...newest.filter((content) => !content.includes("the")), ...newest.filter((content) => content.includes("the"))];
	});
	expect(found.map(({ content }) => content)).toEqual(expected);
});

const databases: [string, () => Database][] = [
	["are rare", () => db],
	["are frequent", () => analyzed],
];

test("PostgreSQL's statistics tell which words are frequent", async () => {
	expect(await frequentLexemes(analyzed)).toContain("job");
	expect(await frequentLexemes(db)).not.toContain("job");
});

test.each(databases)("whole words that %s are found in their place before they are indexed", async (_, on) => {
	const { me, id } = await conversationOf([...numbered(30, "old jobs"), ...numbered(30, "old job")]);
	await write(id, ["a jobless", "a new job"]);
	const found = await allPages(me, "job", 7, undefined, on());
	expect(found.map(({ content }) => content)).toEqual([
		"a new job",
		...numbered(30, "old job").reverse(),
		...numbered(30, "old jobs").reverse(),
		"a jobless",
	]);
});

test.each([
	[[17, ["2026-01-01T00:00:00.000Z", randomUUID(), 5]]],
	[{ tier: 4, from: null, to: null, last: null }],
	[{ tier: -1, from: null, to: null, last: null }],
	[{ tier: 0, from: ["soon", randomUUID(), 1], to: null, last: null }],
	[{ tier: 0 }],
])("%j is no cursor of this list", async (value) => {
	const { me } = await conversationOf(["ship"]);
	const cursor = Buffer.from(JSON.stringify(value)).toString("base64url");
	await expect(page(me, "ship", 5, cursor)).rejects.toMatchObject({ type: "VALIDATION_FAILED", data: [{ path: "cursor" }] });
});

/** What is typed of a group, and what it asks for. */
interface Alternative {
	words: string[];
	phrase: [string, string] | null;
	without: string | null;
}

const word = fc.constantFrom(...relatedWords);
const alternative: fc.Arbitrary<Alternative> = fc.record({
	words: fc.array(fc.oneof({ weight: 5, arbitrary: word }, { weight: 1, arbitrary: fc.constantFrom("velop", "appl") }), {
		minLength: 1,
		maxLength: 3,
	}),
	phrase: fc.option(fc.tuple(word, word), { freq: 5 }),
	without: fc.option(word, { freq: 5 }),
});

const typed = (alternatives: Alternative[]) =>
	alternatives
		.map(({ words, phrase, without }) =>
			[...(phrase ? [`"${phrase.join(" ")}"`] : []), ...(without ? [`-${without}`] : []), ...words].join(" "),
		)
		.join(" or ");

/** How many words are forms: 0 if all are whole; `parts` if one is no more than a part; null if it does not match. */
function classOf(content: string, { words, phrase, without }: Alternative, stems: ReadonlyMap<string, string>): number | null {
	const own = content.split(" ");
	if (without !== null && own.includes(without)) return null;
	if (phrase && !` ${content} `.includes(` ${phrase.join(" ")} `)) return null;
	const classes = words.map((asked) => {
		if (own.includes(asked)) return 0;
		const stem = stems.get(asked);
		if (stem && own.some((one) => stems.get(one) === stem)) return 1;
		return content.includes(asked) ? parts : null;
	});
	return classes.includes(null)
		? null
		: Math.min(
				parts,
				classes.reduce<number>((sum, one) => sum + (one ?? 0), 0),
			);
}

const parts = 1_000;

test.each(databases)(
	"the pages hold every match once, those with fewer whole words last, when words %s",
	async (_, on) => {
		const { rows } = await sql.query<{ word: string; stem: string }>(
			"select word, array_to_string(tsvector_to_array(to_tsvector('english', word)), ' ') as stem from unnest($1::text[]) word",
			[[...relatedWords, "velop", "appl"]],
		);
		const stems = new Map(rows.map(({ word, stem }) => [word, stem]));
		const text = fc.array(word, { minLength: 1, maxLength: 5 }).map((words) => words.join(" "));
		const corpus = fc.array(fc.array(text, { minLength: 1, maxLength: 60 }), { minLength: 1, maxLength: 3 });
		const queries = fc.array(fc.tuple(fc.array(alternative, { minLength: 1, maxLength: 2 }), fc.integer({ min: 2, max: 12 })), {
			minLength: 8,
			maxLength: 8,
		});
		await fc.assert(
			fc.asyncProperty(corpus, fc.nat(3), queries, async (conversations, freshCount, asked) => {
				const me = `me-${randomUUID()}`;
				const stored = new Map<string, { content: string; isFresh: boolean }>();
				for (const contents of conversations) {
					const id = await open(me);
					await write(id, contents);
					const indexed = Math.max(0, contents.length - freshCount);
					if (indexed > 0) await index(id, 1, indexed);
					for (const [i, content] of contents.entries()) stored.set(`${id} ${i + 1}`, { content, isFresh: i >= indexed });
				}
				for (const [alternatives, limit] of asked) {
					const q = typed(alternatives);
					const classes = new Map<string, number>();
					for (const [key, { content, isFresh }] of stored) {
						const known = isFresh ? new Map() : stems;
						const found = alternatives.flatMap((one) => classOf(content, one, known) ?? []);
						if (found.length > 0) classes.set(key, Math.min(...found));
					}
					const keys = (await allPages(me, q, limit, undefined, on())).map(
						({ conversationId, seq }) => `${conversationId} ${seq}`,
					);
					expect({ q, keys: keys.toSorted() }).toEqual({ q, keys: [...classes.keys()].sort() });
					// With alternatives, what else a group asks for is known from the text alone, and ranked in blocks.
					if (alternatives.length > 1 && alternatives.some(({ phrase, without }) => phrase || without)) continue;
					const inOrder = keys.map((key) => classes.get(key) ?? parts);
					expect({ q, classes: inOrder }).toEqual({ q, classes: inOrder.toSorted((a, b) => a - b) });
				}
			}),
			{ numRuns: 25 },
		);
	},
	120_000,
);
