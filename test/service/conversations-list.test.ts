import fc from "fast-check";
import type { Conversation } from "../../services/conversations/conversations.contract.ts";
import { as } from "../support/broker.ts";
import { query } from "../support/database.ts";
import { openConversation, registerUser, send } from "../support/platform.ts";
import { useNode } from "../support/use-node.ts";

jest.setTimeout(30_000);

const statuses = ["ACTIVE", "ARCHIVED", "AUTO_ARCHIVED"] as const;
/** What each filter lists. */
const filters = { ACTIVE: ["ACTIVE"], ARCHIVED: ["ARCHIVED", "AUTO_ARCHIVED"], AUTO_ARCHIVED: ["AUTO_ARCHIVED"], ALL: statuses };
type Filter = keyof typeof filters;

let viewerId: string;
/** The viewer's conversations as `get` shows them. */
let all: Conversation[];

const node = useNode({ services: ["conversations", "directory", "messages"] });

beforeAll(async () => {
	const { calls } = node;
	viewerId = await registerUser(calls);
	const ids: string[] = [];
	for (let i = 0; i < 18; i++) {
		// The viewer applied for some and offers others.
		const { conversationId, applicantId, employerId } = await openConversation(
			calls,
			i % 2 === 0 ? { applicantId: viewerId } : { employerId: viewerId },
		);
		ids.push(conversationId);
		for (let n = 0; n < i % 3; n++) await send(calls, conversationId, n === 0 ? applicantId : employerId);
		await query(node.databaseUrl, "update conversations set status = $2 where id = $1", [
			conversationId,
			statuses[i % 4] ?? "ACTIVE",
		]);
	}
	// Some at exactly the same time: the id decides.
	await query(node.databaseUrl, "update conversations set last_message_at = $1 where id = any ($2)", [
		"2026-01-01T00:00:00.000Z",
		ids.slice(3, 8),
	]);
	await openConversation(calls);
	all = await Promise.all(ids.map((conversationId) => calls.call("conversations.get", { conversationId }, as(viewerId))));
});

test("pages of any size list what the filter says, each once, newest message first", async () => {
	const filter = fc.constantFrom(...(Object.keys(filters) as Filter[]));
	await fc.assert(
		fc.asyncProperty(filter, fc.integer({ min: 1, max: 20 }), async (status, limit) => {
			const listed: Conversation[] = [];
			let cursor: string | null | undefined;
			do {
				const page = await list({ status, limit, ...(cursor && { cursor }) });
				expect(page.items.length).toBeLessThanOrEqual(limit);
				listed.push(...page.items);
				cursor = page.nextCursor;
				expect(cursor !== null).toBe(listed.length < expected(status).length);
			} while (cursor !== null);
			expect(listed).toEqual(expected(status));
		}),
		{ numRuns: 40 },
	);
});

test("the first 20 of those that are active are listed by default", async () => {
	expect(await list({})).toEqual(await list({ status: "ACTIVE", limit: 20 }));
});

test("a conversation that moves up between two pages costs no other its place", async () => {
	const first = await list({ status: "ALL", limit: 5 });
	const moving = expected("ALL")[10] as Conversation;
	await query(node.databaseUrl, "update conversations set last_message_at = now() where id = $1", [moving.id]);
	try {
		const second = await list({ status: "ALL", limit: 100, cursor: String(first.nextCursor) });
		const rest = expected("ALL").slice(5);
		expect(second.items.map(({ id }) => id)).toEqual(rest.map(({ id }) => id).filter((id) => id !== moving.id));
	} finally {
		await query(node.databaseUrl, "update conversations set last_message_at = $2 where id = $1", [
			moving.id,
			moving.lastMessageAt,
		]);
	}
});

test("who has no conversation gets an empty page", async () => {
	const nobody = as(await registerUser(node.calls));
	expect(await node.calls.call("conversations.list", { status: "ALL" }, nobody)).toEqual({ items: [], nextCursor: null });
});

test.each<[string, object, string]>([
	["a cursor that is none", { cursor: "nonsense" }, "cursor"],
	["a cursor of something else", { cursor: Buffer.from('["x",1]').toString("base64url") }, "cursor"],
	["a cursor with SQL in it", { cursor: Buffer.from(`["2026-01-01T00:00:00.000Z","' or 1=1"]`).toString("base64url") }, "cursor"],
	["an endless cursor", { cursor: "A".repeat(201) }, "cursor"],
	["an unknown status", { status: "OPEN" }, "status"],
	["a page of none", { limit: 0 }, "limit"],
	["too large a page", { limit: "101" }, "limit"],
])("%s is refused", async (_what, params, path) => {
	await expect(list(params)).rejects.toMatchObject({ type: "VALIDATION_FAILED", data: [{ path }] });
});

function list(params: object) {
	return node.calls.call("conversations.list", params, as(viewerId));
}

function expected(filter: Filter): Conversation[] {
	const shown = all.filter(({ status }) => filters[filter].some((wanted) => wanted === status));
	const keyOf = ({ lastMessageAt, createdAt, id }: Conversation) => `${lastMessageAt ?? createdAt} ${id}`;
	return shown.sort((a, b) => (keyOf(a) < keyOf(b) ? 1 : -1));
}
