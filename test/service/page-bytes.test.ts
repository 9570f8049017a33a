import type { Conversation } from "../../services/conversations/conversations.contract.ts";
import type { Message } from "../../services/messages/messages.contract.ts";
import { as } from "../support/broker.ts";
import { bulkConversations } from "../support/bulk.ts";
import { registerUser } from "../support/platform.ts";
import { useNode } from "../support/use-node.ts";

jest.setTimeout(60_000);

/** What a page may have; `sync` has the conversations besides. NATS refuses 1 MiB. */
const pageBytes = 512 * 1024;
const syncBytes = 900 * 1024;

/** 5,000 emoji: 20 KB as content, and once more as HTML. */
const emoji = "😀".repeat(5_000);

const node = useNode({ services: ["conversations", "directory", "messages"] });

const bytesOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value));

async function bulk(options: { count: number; messages: number; content: string }) {
	const applicantId = await registerUser(node.calls);
	const employerId = await registerUser(node.calls);
	const ids = await bulkConversations(node.databaseUrl, { applicantId, employerId, ...options });
	return { ids, me: as(applicantId) };
}

test.each([
	["newest first", {}, (page: Message[]) => ({ before: page.at(-1)?.seq ?? 0 })],
	["ascending", { after: 0 }, (page: Message[]) => ({ after: page.at(-1)?.seq ?? 0 })],
])("history %s of 50 messages of 5,000 emoji comes in pages below 512 KB, and none is left out", async (_, first, next) => {
	const { ids, me } = await bulk({ count: 1, messages: 50, content: emoji });
	const conversationId = String(ids[0]);
	const seqs: number[] = [];
	for (let where: object = first, hasMore = true; hasMore; ) {
		const page = await node.calls.call("messages.list", { conversationId, ...where }, me);
		expect(bytesOf(page.items)).toBeLessThanOrEqual(pageBytes);
		seqs.push(...page.items.map(({ seq }) => seq));
		({ hasMore } = page);
		where = next(page.items);
	}
	const ascending = Array.from({ length: 50 }, (_, i) => i + 1);
	expect(seqs).toEqual("after" in first ? ascending : ascending.toReversed());
});

test.each(["relevance", "recent"] as const)(
	"a search by %s that finds large messages goes on over pages below 512 KB",
	async (sort) => {
		const { me } = await bulk({ count: 5, messages: 10, content: `needle ${"😀".repeat(4_990)}` });
		const found = new Set<string>();
		for (let cursor: string | null | undefined; cursor !== null; ) {
			const page = await node.calls.call("messages.search", { q: "needle", sort, limit: 50, ...(cursor && { cursor }) }, me);
			expect(bytesOf(page.items)).toBeLessThanOrEqual(pageBytes);
			for (const { message } of page.items) found.add(message.id);
			cursor = page.nextCursor;
		}
		expect(found.size).toBe(50);
	},
);

test("a list of conversations with large last messages comes in pages below 512 KB, and none is left out", async () => {
	const { ids, me } = await bulk({ count: 100, messages: 1, content: emoji });
	const listed: string[] = [];
	for (let cursor: string | null | undefined; cursor !== null; ) {
		const page = await node.calls.call("conversations.list", { limit: 100, ...(cursor && { cursor }) }, me);
		expect(bytesOf(page.items)).toBeLessThanOrEqual(pageBytes);
		expect(page.items.every(({ lastMessage }) => lastMessage !== null)).toBe(true);
		listed.push(...page.items.map(({ id }) => id));
		cursor = page.nextCursor;
	}
	expect(listed).toEqual(ids);
});

test("sync of 50 conversations with 50 messages each is below 1 MB: of each conversation the newest ones, and that there are more", async () => {
	const { ids, me } = await bulk({ count: 50, messages: 50, content: "thirty characters of plain tex" });
	const answer = await node.calls.call("conversations.sync", {}, me);
	expect(bytesOf(answer)).toBeLessThanOrEqual(syncBytes);
	expect(answer.conversations.map(({ id }) => id)).toEqual(ids);
	for (const { messages, hasMore } of answer.conversations) {
		expect(messages.length).toBeGreaterThanOrEqual(10);
		expect(messages.map(({ seq }) => seq)).toEqual(Array.from({ length: messages.length }, (_, i) => 51 - messages.length + i));
		expect(hasMore).toBe(messages.length < 50);
	}
});

test("sync of large messages tells the newest conversations, each with its newest message at least", async () => {
	const { ids, me } = await bulk({ count: 50, messages: 50, content: emoji });
	const answer = await node.calls.call("conversations.sync", {}, me);
	expect(bytesOf(answer)).toBeLessThanOrEqual(syncBytes);
	expect(answer.conversations.length).toBeGreaterThan(1);
	expect(answer.conversations.map(({ id }) => id)).toEqual(ids.slice(0, answer.conversations.length));
	for (const { messages, hasMore } of answer.conversations) {
		expect(messages.at(-1)?.seq).toBe(50);
		expect(hasMore).toBe(true);
	}
});

test("with more changed conversations than fit, a client starts afresh with fewer", async () => {
	const { me } = await bulk({ count: 1, messages: 1, content: "known" });
	const { nextSince } = await node.calls.call("conversations.sync", {}, me);
	const applicantId = me.meta.user?.id ?? "";
	const employerId = await registerUser(node.calls);
	await bulkConversations(node.databaseUrl, { applicantId, employerId, count: 150, messages: 1, content: emoji });
	const answer = await node.calls.call("conversations.sync", { since: nextSince }, me);
	expect(bytesOf(answer)).toBeLessThanOrEqual(syncBytes);
	expect(answer.reset).toBe(true);
	expect(answer.conversations.length).toBeGreaterThan(1);
	expect(answer.conversations.every(({ messages }: { messages: Message[] } & Conversation) => messages.length > 0)).toBe(true);
});
