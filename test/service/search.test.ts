import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { as } from "../support/broker.ts";
import { type Found, type SearchNode, type SearchOptions, startSearchNode } from "../support/search-node.ts";
import { searchPairs } from "../support/search-pairs.ts";

let node: SearchNode;

beforeAll(async () => {
	node = await startSearchNode();
}, 30_000);

afterAll(() => node.stop());

const contents = ({ items }: Found) => items.map(({ message }) => message.content);

/** Two people of this test's own, and their conversation. */
async function pair() {
	const [me, them] = [`me-${randomUUID()}`, `them-${randomUUID()}`];
	return { me, them, id: await node.open(me, them) };
}

/** All pages, one after the other. */
async function allPages(userId: string, q: string, options: SearchOptions): Promise<Found["items"]> {
	const items: Found["items"] = [];
	for (let cursor: string | undefined; ; ) {
		const page = await node.search(userId, q, { ...options, ...(cursor !== undefined && { cursor }) });
		items.push(...page.items);
		if (page.nextCursor === null) return items;
		cursor = page.nextCursor;
	}
}

test("every pair of the table holds when all messages are in one place", async () => {
	const { me, id } = await pair();
	for (const { content } of searchPairs) await node.write(me, id, content);
	for (const { content, found, notFound } of searchPairs) {
		for (const q of found)
			expect({ q, in: contents(await node.search(me, q)) }).toEqual({ q, in: expect.arrayContaining([content]) });
		for (const q of notFound) {
			expect({ q, in: contents(await node.search(me, q)) }).toEqual({ q, in: expect.not.arrayContaining([content]) });
		}
	}
}, 60_000);

test("only the caller's conversations are searched, archived ones too", async () => {
	const { me, them, id } = await pair();
	const [stranger, other] = [`stranger-${randomUUID()}`, `other-${randomUUID()}`];
	await node.write(me, id, "needle of mine");
	await node.write(stranger, await node.open(stranger, other), "needle of a stranger");
	const second = await node.open(me, other);
	await node.write(other, second, "needle of another");
	await node.calls.call("conversations.archive", { conversationId: second }, as(me));

	expect(contents(await node.search(me, "needle", { sort: "recent" }))).toEqual(["needle of another", "needle of mine"]);
	expect(contents(await node.search(me, "needle", { conversationId: id }))).toEqual(["needle of mine"]);
	expect(contents(await node.search(them, "needle"))).toEqual(["needle of mine"]);
	await expect(node.search(stranger, "needle", { conversationId: id })).rejects.toMatchObject({ type: "NOT_FOUND" });
	await expect(node.search(stranger, "needle", { conversationId: randomUUID() })).rejects.toMatchObject({ type: "NOT_FOUND" });
});

test("what was erased is gone, also from the index; what has no signature is found", async () => {
	const { me, them, id } = await pair();
	const seq = await node.write(them, id, "a secret of theirs");
	await node.write(me, id, "a secret of mine");
	const where = "where conversation_id = $1 and seq = $2";
	await node.sql.query(`update messages set content = null ${where}`, [id, seq]);
	expect((await node.sql.query(`select search from messages ${where}`, [id, seq])).rows).toEqual([{ search: null }]);
	for (const q of ["secret", "from:them", "-nothing"]) expect(contents(await node.search(me, q))).not.toContain(null);
	expect(contents(await node.search(me, "secret"))).toEqual(["a secret of mine"]);

	await node.sql.query("update messages set search = null where conversation_id = $1", [id]);
	expect(contents(await node.search(me, "secret"))).toEqual(["a secret of mine"]);
});

test("filters hold alone and with words", async () => {
	const { me, them, id } = await pair();
	await node.write(me, id, "see https://a.example now");
	await node.write(them, id, "mail me: ada@a.example");
	await node.write(them, id, "www.a.example/page for now");
	const picture = await node.write(me, id, "a picture for now");
	await node.sql.query("update messages set type = 'IMAGE', search = null where conversation_id = $1 and seq = $2", [
		id,
		picture,
	]);
	await node.sql.query("update messages set created_at = '2020-05-05T12:00:00Z' where conversation_id = $1 and seq = 1", [id]);
	const seqs = async (q: string) =>
		(await node.search(me, q, { sort: "recent", conversationId: id })).items.map(({ message }) => message.seq);

	expect(await seqs("from:me")).toEqual([4, 1]);
	expect(await seqs("from:them now")).toEqual([3]);
	expect(await seqs("has:link")).toEqual([3, 1]);
	expect(await seqs("has:link from:me")).toEqual([1]);
	expect(await seqs("-has:link")).toEqual([4, 2]);
	expect(await seqs("has:image")).toEqual([4]);
	expect(await seqs("-has:image now")).toEqual([3, 1]);
	expect(await seqs("before:2020-05-06")).toEqual([1]);
	expect(await seqs("before:2020-05-05")).toEqual([]);
	expect(await seqs("after:2020-05-04 before:2020-05-06 a.example")).toEqual([1]);
	expect(await seqs("after:2020-05-05")).toEqual([4, 3, 2]);
	expect(await seqs("after:2020-05-05 picture or see")).toEqual([4]);
	await expect(seqs("from:bob now")).rejects.toMatchObject({ type: "VALIDATION_FAILED", data: [{ path: "q" }] });
});

test("the best come first: whole words, then beginnings, then parts; words that stand together before those apart", async () => {
	const { me, id } = await pair();
	for (const content of ["ship it", "shipping it", "hardship", "a ship, it", "it is a ship"]) await node.write(me, id, content);
	expect(contents(await node.search(me, "ship"))).toEqual(["it is a ship", "a ship, it", "ship it", "shipping it", "hardship"]);
	expect(contents(await node.search(me, "ship it"))).toEqual(["a ship, it", "ship it", "it is a ship", "shipping it"]);
	expect(contents(await node.search(me, "ship", { sort: "recent" }))).toEqual([
		"it is a ship",
		"a ship, it",
		"hardship",
		"shipping it",
		"ship it",
	]);
});

test("highlights are code points of the content, the snippet is a line of it", async () => {
	const { me, id } = await pair();
	await node.write(me, id, "👩‍👩‍👧 Zo\u0308e\nund Zoë");
	const [found] = (await node.search(me, "zoe")).items;
	expect(found?.highlights).toEqual([
		{ start: 6, end: 10 },
		{ start: 15, end: 18 },
	]);
	expect(found?.snippet).toBe("👩‍👩‍👧 Zo\u0308e und Zoë");
});

test.each(["recent", "relevance"] as const)(
	"the pages by %s hold every match once, and a match between pages shifts nothing",
	async (sort) => {
		const { me, them, id } = await pair();
		const second = await node.open(them, me);
		for (let i = 0; i < 60; i++)
			await node.write(i % 3 ? me : them, i % 2 ? id : second, `${"x".repeat(i % 4)}match ${i % 5 ? "" : "no "}${i}`);
		const q = "match -no";
		const whole = (await node.search(me, q, { sort, limit: 100 })).items;
		expect(whole).toHaveLength(48);
		expect(await allPages(me, q, { sort, limit: 7 })).toEqual(whole);
		expect(await allPages(me, q, { sort, limit: 5, conversationId: id })).toEqual(
			whole.filter(({ message }) => message.conversationId === id),
		);

		const first = await node.search(me, q, { sort, limit: 7 });
		await node.write(me, id, "match, later");
		const rest = await allPages(me, q, { sort, limit: 7, cursor: String(first.nextCursor) });
		expect(rest.filter(({ message }) => message.content !== "match, later")).toEqual(whole.slice(7));
		await expect(node.search(me, q, { sort, cursor: "bm8" })).rejects.toMatchObject({ data: [{ path: "cursor" }] });
	},
);

test("whatever is typed is answered or refused", async () => {
	const { me, id } = await pair();
	for (const { content } of searchPairs) await node.write(me, id, content);
	const piece = fc.oneof(
		fc.constantFrom("from:me", "has:link", "before:2026-11-01", "-", '"', " or ", " ", "c++", "軟", "%", "_", "\\", "'", "$1"),
		fc.string({ unit: "grapheme", maxLength: 20 }),
		fc.string({ unit: "binary", maxLength: 20 }),
	);
	await fc.assert(
		fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 10 }), fc.boolean(), async (pieces, recent) => {
			try {
				await node.search(me, pieces.join(""), { sort: recent ? "recent" : "relevance" });
			} catch (error) {
				expect(error).toMatchObject({ type: "VALIDATION_FAILED" });
			}
		}),
		{ numRuns: 300 },
	);
}, 60_000);

test("conversations are found by the other person's name and the job's title", async () => {
	const me = `me-${randomUUID()}`;
	const first = await node.open(me, `e-${randomUUID()}`, { name: "Zoë Müller", title: "Lead C++ developer" });
	const second = await node.open(me, `e-${randomUUID()}`, { name: "李明", title: "Ärztin" });
	const ids = async (q: string, userId = me) =>
		(await node.calls.call("conversations.list", { q }, as(userId))).items.map(({ id }) => id);
	for (const q of ["zoe", "MULL", "developer müller", "c++", "lead zo"])
		expect({ q, ids: await ids(q) }).toEqual({ q, ids: [first] });
	for (const q of ["明", "arzt"]) expect({ q, ids: await ids(q) }).toEqual({ q, ids: [second] });
	for (const q of ["zoe arztin", me, "%", "developers"]) expect({ q, ids: await ids(q) }).toEqual({ q, ids: [] });
	expect(await ids("zoe", `stranger-${randomUUID()}`)).toEqual([]);
	const page = await node.calls.call("conversations.list", { q: "e", limit: 1, status: "ALL" }, as(me));
	expect(page.items).toHaveLength(1);
});
