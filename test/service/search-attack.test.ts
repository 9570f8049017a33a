import { randomUUID } from "node:crypto";
import { plainText } from "../../services/messages/plain-text.ts";
import { as } from "../support/broker.ts";
import { maxHoldMs } from "../support/quickest.ts";
import { type SearchNode, startSearchNode } from "../support/search-node.ts";
import { filled, worstTexts } from "../support/worst-texts.ts";

/**
 * What a page and a send of somebody else, one after the other, most often take at the most, in milliseconds. An attack that works
 * holds them up for tens of seconds; a busy machine that measures coverage takes some hundreds.
 */
const maxWaitMs = 1_000;

/** More than the server may take: the tests' environment, and measuring coverage, make the same work many times slower. */
const maxTurnMs = 20 * maxHoldMs;

jest.setTimeout(90_000);

let node: SearchNode;

beforeAll(async () => {
	node = await startSearchNode();
}, 30_000);

afterAll(() => node.stop());

/** Two people of this test's own, and their conversation with these messages. */
async function conversationOf(texts: string[]) {
	const [me, them] = [`me-${randomUUID()}`, `them-${randomUUID()}`];
	const id = await node.open(me, them);
	await Promise.all(texts.map((text) => node.write(me, id, text)));
	return { me, them, id };
}

/** What one turn of the event loop took at the most, and what somebody else's requests waited, while this was done. */
async function meanwhile(work: () => Promise<unknown>) {
	const other = await conversationOf(["hello"]);
	const waits: number[] = [];
	let heldMs = 0;
	let isDone = false;
	// The CPU time of this thread, which does not grow while others have the core.
	let last = process.threadCpuUsage();
	const turn = () => {
		const { user, system } = process.threadCpuUsage(last);
		heldMs = Math.max(heldMs, (user + system) / 1e3);
		last = process.threadCpuUsage();
		if (!isDone) setImmediate(turn);
	};
	setImmediate(turn);
	const asking = (async () => {
		while (!isDone) {
			const startMs = performance.now();
			await node.calls.call("messages.list", { conversationId: other.id }, as(other.me));
			await node.write(other.me, other.id, "hello");
			waits.push(performance.now() - startMs);
		}
	})();
	await work().finally(() => {
		isDone = true;
	});
	await asking;
	return { heldMs, waitedMs: waits.sort((a, b) => a - b)[Math.floor(waits.length / 2)] };
}

test("a query of 248 quoted signs is refused at once", async () => {
	const { me } = await conversationOf([filled("!", "b")]);
	const q = `"${"! ".repeat(247)}b"`;
	expect(await meanwhile(() => expect(node.search(me, q)).rejects.toMatchObject({ type: "VALIDATION_FAILED" }))).toEqual({
		heldMs: expect.any(Number),
		waitedMs: expect.any(Number),
	});
});

test.each([
	["signs", filled("!", "b"), `"${"! ".repeat(31)}b"`],
	["letters", filled("a ", "b "), `"${"a ".repeat(31)}b"`],
	["letters that are eighteen", filled("\ufdfa"), `"${"صلى الله عليه وسلم ".repeat(8)}"`],
])("while a hundred longest messages of %s are searched, others wait for nothing", async (_, text, q) => {
	const { me } = await conversationOf(Array.from({ length: 100 }, () => text));
	const { heldMs, waitedMs } = await meanwhile(() =>
		Promise.all([node.search(me, q), node.search(me, q, { sort: "recent", limit: 100 }), node.search(me, q, { limit: 100 })]),
	);
	expect(heldMs).toBeLessThan(maxTurnMs);
	expect(waitedMs).toBeLessThan(maxWaitMs);
});

test("while pages of the longest messages are read and sent, others wait for nothing", async () => {
	const texts = worstTexts.map(([, text]) => text).filter((text) => plainText(text) !== "");
	const { heldMs, waitedMs } = await meanwhile(async () => {
		const { me, id } = await conversationOf(texts);
		const page = () => node.calls.call("messages.list", { conversationId: id, limit: 100 }, as(me));
		const pages = await Promise.all(Array.from({ length: 10 }, page));
		// Cut by bytes, all at the same place.
		const [length = 0] = pages.map(({ items }) => items.length);
		expect(length).toBeGreaterThan(10);
		expect(pages.map(({ items, hasMore }) => [items.length, hasMore])).toEqual(pages.map(() => [length, true]));
	});
	expect(heldMs).toBeLessThan(maxTurnMs);
	expect(waitedMs).toBeLessThan(maxWaitMs);
});

test("a request reads a bounded amount of text; the pages after it find the rest", async () => {
	const { me, id } = await conversationOf(["needle"]);
	await Promise.all(Array.from({ length: 400 }, () => node.write(me, id, filled("needle "))));
	const pages: number[][] = [];
	for (let cursor: string | undefined; ; ) {
		const page = await node.search(me, 'needle -"needle needle"', { sort: "recent", ...(cursor !== undefined && { cursor }) });
		pages.push(page.items.map(({ message }) => message.seq));
		if (page.nextCursor === null) break;
		cursor = page.nextCursor;
	}
	expect(pages.length).toBeGreaterThan(2);
	expect(pages.flat()).toEqual([1]);
});

test("while five thousand conversations of somebody are searched for names, others wait for nothing", async () => {
	const { me } = await conversationOf(["hello"]);
	const people = "select $1::text || i as id from generate_series(1, 5000) i";
	const name = "\ufdfa".repeat(200);
	await node.sql.query(`insert into users (id, name) select id, $2::text from (${people}) as p`, [`${me}-other-`, name]);
	await node.sql.query(
		`insert into job_applications (id, applicant_id, employer_id, job_title, status)
		select id, $2, id, $3::text, 'OPEN' from (${people}) as p`,
		[`${me}-other-`, me, name],
	);
	await node.sql.query(
		`insert into conversations (id, user1_id, user2_id, job_application_id)
		select gen_random_uuid(), $2, id, id from (${people}) as p`,
		[`${me}-other-`, me],
	);
	const { heldMs } = await meanwhile(() => node.calls.call("conversations.list", { q: "a ".repeat(99) }, as(me)));
	expect(heldMs).toBeLessThan(maxTurnMs);
});
