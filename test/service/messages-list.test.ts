import fc from "fast-check";
import { Database, type Statement, statement } from "../../mixins/database.ts";
import type { ActionInput } from "../../services/contracts.ts";
import { list } from "../../services/messages/list.ts";
import { textMessages } from "../../testing/text-messages.ts";
import { as } from "../support/broker.ts";
import { query } from "../support/database.ts";
import { type Conversing, openConversation, send } from "../support/platform.ts";
import { useNode } from "../support/use-node.ts";

jest.setTimeout(60_000);

const length = 23;
let conversing: Conversing;

const node = useNode({ services: ["conversations", "directory", "messages"] });

beforeAll(async () => {
	conversing = await openConversation(node.calls);
	const { conversationId, applicantId, employerId } = conversing;
	for (let i = 1; i <= length; i++) await send(node.calls, conversationId, i % 3 === 0 ? employerId : applicantId, `text ${i}`);
});

test("pages of any size, from either end, give every message once and in order", async () => {
	await fc.assert(
		fc.asyncProperty(fc.integer({ min: 1, max: length + 2 }), fc.boolean(), async (limit, ascending) => {
			const seqs: number[] = [];
			for (let more = true; more; ) {
				const last = seqs.at(-1);
				const from = ascending ? { after: last ?? 0 } : last === undefined ? {} : { before: last };
				const page = await fetch({ ...from, limit });
				expect(page.items).toHaveLength(Math.min(limit, length - seqs.length));
				seqs.push(...page.items.map(({ seq }) => seq));
				more = page.hasMore;
				expect(more).toBe(seqs.length < length);
			}
			const all = Array.from({ length }, (_, i) => i + 1);
			expect(seqs).toEqual(ascending ? all : all.reverse());
		}),
	);
});

test.each<[string, object, number[], boolean]>([
	["the newest 50, by default", {}, descending(length, 1), false],
	["what is before a seq, newest first", { before: 5, limit: 2 }, [4, 3], true],
	["what is after a seq, ascending", { after: 5, limit: 2 }, [6, 7], true],
	["what is between two, ascending", { after: 5, before: 8 }, [6, 7], false],
	["what a query string says", { after: "20", before: "23", limit: "1" }, [21], true],
	["nothing before the first", { before: 1 }, [], false],
	["nothing after the last", { after: length }, [], false],
	["everything after less than nothing", { after: -5, limit: 1 }, [1], true],
])("a page has %s", async (_what, params, seqs, hasMore) => {
	const page = await fetch(params);
	expect(page.items.map(({ seq }) => seq)).toEqual(seqs);
	expect(page.hasMore).toBe(hasMore);
	expect(page.items.every(({ seq, content }) => content === `text ${seq}`)).toBe(true);
});

test.each<object>([
	{ limit: 0 },
	{ limit: 101 },
	{ limit: "ten" },
	{ before: "x" },
	{ after: 1.5 },
	{ before: null },
	{ limit: "" },
])("a page of %j is refused", async (params) => {
	await expect(fetch(params)).rejects.toMatchObject({ type: "VALIDATION_FAILED", data: [{ path: Object.keys(params)[0] }] });
});

test.each<[string, object]>([
	["newest first", {}],
	["before a seq", { before: 15_000 }],
	["ascending", { after: 5_000 }],
])("a page %s is read from the primary key, and reads as little of 20,000 messages as of 23", async (_what, range) => {
	const long = await openConversation(node.calls);
	await query(
		node.databaseUrl,
		`insert into messages (conversation_id, seq, user1_sent, user2_sent, created_at, id, client_id, sender_id, type, content, metadata)
		select $1, seq, seq, 0, now(), gen_random_uuid(), gen_random_uuid(), $2, 'TEXT', 'x', '{}' from generate_series(1, 20000) seq`,
		[long.conversationId, long.applicantId],
	);
	const db = new Explaining(node.databaseUrl, () => {});
	try {
		for (const { conversationId } of [long, conversing]) await list(db, textMessages, { conversationId, limit: 20, ...range });
	} finally {
		await db.close();
	}
	const [ofLong] = db.plans.map((plan) => nodesOf(plan).filter((part) => part["Relation Name"] === "messages"));
	expect(ofLong).toMatchObject([{ "Node Type": "Index Scan", "Index Name": "messages_pkey" }]);
	expect(ofLong?.[0]?.["Actual Rows"]).toBeLessThanOrEqual(21);
	expect(db.plans.flatMap(nodesOf).map((part) => part["Node Type"])).not.toContain("Sort");
});

/** Keeps the plan of everything that it is asked. */
class Explaining extends Database {
	readonly plans: Plan[] = [];

	override async query<Row = Record<string, unknown>>({ name, text }: Statement, values: unknown[] = []): Promise<Row[]> {
		const explain = statement(`explain ${name}`, `explain (analyze, format json) ${text}`);
		const [row] = await super.query<{ "QUERY PLAN": { Plan: Plan }[] }>(explain, values);
		this.plans.push(...(row?.["QUERY PLAN"] ?? []).map((explained) => explained.Plan));
		return super.query<Row>({ name, text }, values);
	}
}

interface Plan {
	"Node Type": string;
	"Relation Name"?: string;
	"Index Name"?: string;
	"Actual Rows": number;
	Plans?: Plan[];
}

function nodesOf(plan: Plan): Plan[] {
	return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];
}

function fetch(params: object) {
	const { conversationId, employerId } = conversing;
	return node.calls.call("messages.list", { conversationId, ...params } as ActionInput<"messages.list">, as(employerId));
}

function descending(from: number, to: number): number[] {
	return Array.from({ length: from - to + 1 }, (_, i) => from - i);
}
