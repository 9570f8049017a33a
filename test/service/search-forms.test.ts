import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { fold } from "../../lib/fold.ts";
import { scoreOf } from "../../services/messages/search/match.ts";
import { parseQuery, type Term } from "../../services/messages/search/query.ts";
import { wordsOf } from "../../services/messages/search/words.ts";
import { until } from "../../testing/until.ts";
import { asPlatform } from "../support/broker.ts";
import { formPairs, relatedWords } from "../support/form-pairs.ts";
import { type Found, type SearchNode, type SearchOptions, startSearchNode } from "../support/search-node.ts";

let node: SearchNode;

beforeAll(async () => {
	node = await startSearchNode();
}, 30_000);

afterAll(() => node.stop());

const contents = ({ items }: Found) => items.map(({ message }) => message.content);

/** A conversation of this test's own, with somebody who writes in the language of this locale. */
async function conversationIn(locale: string | null) {
	const [me, them] = [`me-${randomUUID()}`, `them-${randomUUID()}`];
	const id = await node.open(me, them);
	await node.calls.call("users.put", { id: me, name: me, locale }, asPlatform);
	return { me, them, id };
}

/** Resolves when these conversations are in the full-text index, every message that has words. */
async function indexed(...ids: string[]): Promise<void> {
	const missing = `select from messages m left join message_search s using (conversation_id, seq)
		where conversation_id = any($1) and m.content ~ '[[:alnum:]]' and s.seq is null limit 1`;
	await until(async () => (await node.sql.query(missing, [ids])).rowCount === 0, { timeoutMs: 20_000 });
}

/** What all pages find. */
async function allFound(userId: string, q: string, options: SearchOptions): Promise<(string | null)[]> {
	const found: (string | null)[] = [];
	for (let cursor: string | undefined; ; ) {
		const page = await node.search(userId, q, { ...options, ...(cursor !== undefined && { cursor }) });
		found.push(...contents(page));
		if (page.nextCursor === null) return found;
		cursor = page.nextCursor;
	}
}

describe.each(formPairs)("$language", ({ locale, pairs }) => {
	test("at least fifty pairs of words find each other", async () => {
		expect(new Set(pairs).size).toBeGreaterThanOrEqual(50);
		const { me, id } = await conversationIn(locale);
		const words = new Set(pairs.flatMap((pair) => pair.split(" ")));
		await Promise.all([...words].map((word) => node.write(me, id, `1 ${word}.`)));
		await indexed(id);
		const missed: string[] = [];
		for (const pair of pairs) {
			const [base = "", form = ""] = pair.split(" ");
			for (const [q, word] of [
				[base, form],
				[form, base],
			]) {
				const { items } = await node.search(me, String(q), { limit: 100, conversationId: id });
				const item = items.find(({ message }) => message.content === `1 ${word}.`);
				// The form is marked, or the part of it that was typed.
				if (!item || item.highlights.length === 0) missed.push(`${q} → ${word}`);
			}
		}
		expect(missed).toEqual([]);
	}, 60_000);
});

test("a message is found by its words at once, and by its forms soon after", async () => {
	const { me, id } = await conversationIn("en");
	await node.write(me, id, "She applied for it");
	expect(contents(await node.search(me, "applied"))).toEqual(["She applied for it"]);
	const page = await until(async () => {
		const found = await node.search(me, "apply");
		return found.items.length > 0 ? found : null;
	});
	expect(page.items).toMatchObject([{ message: { content: "She applied for it" }, highlights: [{ start: 4, end: 11 }] }]);
});

test("words are compared in the language of their message alone, and in quotes or after a minus as they are typed", async () => {
	const [english, german, none] = await Promise.all([conversationIn("en"), conversationIn("de"), conversationIn(null)]);
	const texts = ["they applied", "ohne Bewerbungen"];
	for (const { me, id } of [english, german, none]) for (const text of texts) await node.write(me, id, text);
	await indexed(english.id, german.id, none.id);
	const found = async ({ me }: { me: string }, q: string) => contents(await node.search(me, q));

	expect(await found(english, "apply")).toEqual(["they applied"]);
	expect(await found(german, "apply")).toEqual([]);
	expect(await found(none, "apply")).toEqual([]);
	expect(await found(german, "Bewertungen")).toEqual([]);
	expect(await found(german, "bewerbung they")).toEqual([]);
	expect(await found(german, "bewerbung ohne")).toEqual(["ohne Bewerbungen"]);
	expect(await found(english, '"apply"')).toEqual([]);
	expect(await found(english, '"they apply"')).toEqual([]);
	expect(await found(english, "they -apply")).toEqual(["they applied"]);
	expect(await found(english, "they -applied")).toEqual([]);
	expect(await found(english, "apply or bewerbungen")).toEqual(["ohne Bewerbungen", "they applied"]);
	expect(await found(english, "apply from:me")).toEqual(["they applied"]);
	expect(await found(english, "apply from:them")).toEqual([]);
});

test("a query may have one word as a form, another as a part of a word, and signs", async () => {
	const { me, id } = await conversationIn("en");
	await node.write(me, id, "she applied as webdeveloper for C++");
	await node.write(me, id, "she applied");
	await indexed(id);
	for (const q of ["apply velop", "applies c++", "apply velop c++", "applying webdev", 'apply "for c++"', "she applies"]) {
		expect({ q, found: contents(await node.search(me, q)) }).toEqual({
			q,
			found: expect.arrayContaining(["she applied as webdeveloper for C++"]),
		});
	}
	expect(contents(await node.search(me, "apply hire"))).toEqual([]);
});

test("whole words come before forms, forms before parts, in the whole history", async () => {
	const { me, id } = await conversationIn("en");
	for (const text of ["the ships", "a ship", "hardship"]) await node.write(me, id, text);
	for (let i = 0; i < 450; i += 50) {
		await Promise.all(Array.from({ length: 50 }, (_, n) => node.write(me, id, `hardship ${i + n}`)));
	}
	await indexed(id);
	const [first, second, third] = contents(await node.search(me, "ship"));
	expect([first, second]).toEqual(["a ship", "the ships"]);
	expect(third).toMatch(/^hardship \d+$/);
	expect(contents(await node.search(me, "shipping"))).toEqual(["a ship", "the ships"]);
}, 30_000);

test("in a long history words and forms are found at once, and parts of words on the last pages", async () => {
	const { me, id } = await conversationIn("en");
	const texts = ["an old hardship", "two old ships", "one old ship"];
	for (const text of texts) await node.write(me, id, text);
	await node.sql.query(
		`insert into messages (conversation_id, seq, user1_sent, user2_sent, created_at, id, client_id, sender_id, type, content, metadata, search)
		select $1, seq, seq, 0, now(), gen_random_uuid(), gen_random_uuid(), $2, 'SYSTEM', null, '{}', repeat('0', 256)::varbit from generate_series(4, 40000) seq`,
		[id, me],
	);
	await node.sql.query("update conversations set last_seq = 40000 where id = $1", [id]);
	await indexed(id);
	for (const sort of ["recent", "relevance"] as const) {
		const first = await node.search(me, "ship", { sort });
		expect(contents(first)).toEqual(["one old ship", "two old ships"]);
		const second = await node.search(me, "ship", { sort, cursor: String(first.nextCursor) });
		expect(contents(second)).toEqual(["an old hardship"]);
		expect(second.nextCursor).toBeNull();
		expect(await allFound(me, "ship", { sort, limit: 1 })).toEqual(["one old ship", "two old ships", "an old hardship"]);
		expect(await allFound(me, "ards", { sort })).toEqual(["an old hardship"]);
		expect(await allFound(me, "zyzzyva", { sort })).toEqual([]);
	}
}, 60_000);

test("what was erased has no row in the index, also when it is erased while it is being indexed", async () => {
	const { me, id } = await conversationIn("en");
	for (let i = 0; i < 20; i++) await node.write(me, id, `secret ${i}`);
	// Some before, some while and some after the indexer has seen them.
	for (let seq = 1; seq <= 20; seq++) {
		await node.sql.query("update messages set content = null where conversation_id = $1 and seq = $2", [id, seq]);
		if (seq % 5 === 0) await node.write(me, id, "something else");
	}
	await indexed(id);
	const { rows } = await node.sql.query("select distinct body from message_search where conversation_id = $1", [id]);
	expect(rows).toEqual([{ body: "something else" }]);
	expect(contents(await node.search(me, "secrets or secret"))).toEqual([]);
});

test("hostile words are answered or refused", async () => {
	const { me, id } = await conversationIn("en");
	await node.write(me, id, "it's a 'quote' \\ and a back\\slash & more:* | !not <-> (a) drop");
	await indexed(id);
	const hostile = [
		"'",
		"''",
		"\\",
		"\\'",
		":*",
		"quote':*",
		"a&b",
		"|",
		"!not",
		"<->",
		"(a",
		"a)",
		"'; drop",
		"back\\slash",
		"more:A",
		"\u0000",
		"a\u0000b",
		"\ud800",
	];
	for (const q of [...hostile, hostile.join(" ").slice(0, 490), "quotes ".repeat(32).trim()]) {
		await node.search(me, q).catch((error) => expect(error).toMatchObject({ type: "VALIDATION_FAILED" }));
	}
	expect(contents(await node.search(me, "back\\slash"))).toHaveLength(1);
	expect(contents(await node.search(me, "quotes"))).toHaveLength(1);
	await expect(node.search(me, "quotes ".repeat(33))).rejects.toMatchObject({ type: "VALIDATION_FAILED" });
	// The longest texts and the most words at once.
	const words = Array.from({ length: 600 }, (_, i) => `w${i}ing`);
	await node.write(me, id, words.join(" "));
	await indexed(id);
	expect(contents(await node.search(me, words.slice(0, 32).join(" ")))).toHaveLength(1);
});

const vocabulary = [...relatedWords, "c++", "a"];

test("a search finds what the rules for words and parts find, and what has a form of the word", async () => {
	const { me, id } = await conversationIn("en");
	const text = fc.array(fc.constantFrom(...vocabulary), { minLength: 1, maxLength: 4 }).map((words) => words.join(" "));
	const texts = [...new Set(fc.sample(text, { numRuns: 150, seed: 14 }))];
	for (const one of texts) await node.write(me, id, one);
	await indexed(id);
	const { rows } = await node.sql.query<{ word: string; stem: string }>(
		"select word, to_tsvector('english', word)::text as stem from unnest($1::text[]) word",
		[vocabulary.flatMap((word) => wordsOf(word).map(({ word }) => word))],
	);
	const stems = new Map(rows.map(({ word, stem }) => [word, stem]));
	/** By the rules, without index or signatures. */
	const isFound = (content: string, q: string) =>
		parseQuery(q).groups.some(
			({ all, none }) => all.every((term) => has(content, term)) && scoreOf(fold(content), [{ all: [], none }]) > 0,
		);
	const has = (content: string, term: Term) => {
		if (scoreOf(fold(content), [{ all: [term], none: [] }]) > 0) return true;
		const stem = stems.get(term.word ?? "");
		return Boolean(stem) && wordsOf(content).some(({ word }) => stems.get(word) === stem);
	};
	const word = fc.oneof(
		fc.constantFrom(...vocabulary),
		fc.constantFrom("velop", "appl", '"the job"', '"apply"', "-jobs", "-run", "or"),
	);
	await fc.assert(
		fc.asyncProperty(fc.array(word, { minLength: 1, maxLength: 4 }), fc.boolean(), async (words, isRecent) => {
			const q = words.join(" ");
			const found = await allFound(me, q, { sort: isRecent ? "recent" : "relevance", limit: 50 });
			expect(found.toSorted()).toEqual(texts.filter((content) => isFound(content, q)).toSorted());
		}),
		{ numRuns: 200 },
	);
}, 60_000);
