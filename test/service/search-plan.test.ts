import { candidatesStatement } from "../../services/messages/search/candidates-statement.ts";
import { parseQuery } from "../../services/messages/search/query.ts";
import { masksOf, signatureOf } from "../../services/messages/search/signature.ts";
import { type SearchNode, startSearchNode } from "../support/search-node.ts";

/**
 * 50,000 messages in 1,000 conversations; ada takes part in ten of them. What a search reads is asserted, not how long it
 * takes: an index-only scan of her conversations and nothing else.
 */
let node: SearchNode;
const perConversation = 50;

beforeAll(async () => {
	node = await startSearchNode();
	await node.sql.query(
		`insert into conversations (id, user1_id, user2_id, job_application_id, last_seq, last_message_at)
		select md5(i::text)::uuid, case when i <= 10 then 'ada' else 'a' || i end, 'e' || i % 50, i, $1, now() from generate_series(1, 1000) i`,
		[perConversation],
	);
	await node.sql.query(
		`insert into messages (conversation_id, seq, user1_sent, user2_sent, created_at, id, client_id, sender_id, type, content, metadata, search)
		select c.id, seq, seq, 0, now(), gen_random_uuid(), gen_random_uuid(), c.user1_id, 'TEXT',
			case when seq % 10 = 0 then 'a needle' else 'only hay' end, '{}', case when seq % 10 = 0 then $2::varbit else $3::varbit end
		from conversations c, generate_series(1, $1::int) seq`,
		[perConversation, sign("a needle"), sign("only hay")],
	);
	await node.sql.query("vacuum analyze");
}, 60_000);

afterAll(() => node.stop());

const sign = (content: string) => signatureOf({ senderId: "ada", type: "TEXT", content });

interface Plan {
	"Node Type": string;
	"Index Name"?: string;
	"Actual Rows": number;
	"Actual Loops": number;
	"Rows Removed by Filter"?: number;
	"Relation Name"?: string;
	Plans?: Plan[];
}

/** What the statement reads of the table of messages: how, and how many rows. */
async function readsOf(scope: "user" | "conversation", subject: string, q: string) {
	const { groups, filters } = parseQuery(q);
	const { text } = candidatesStatement(scope, groups.length);
	const masks = groups.flatMap((group) => masksOf(group, filters, "ada"));
	const latest = ["infinity", "ffffffff-ffff-ffff-ffff-ffffffffffff", Number.MAX_SAFE_INTEGER];
	const values = [subject, 20, "-infinity", "infinity", ...latest, ...masks];
	// As a prepared statement is planned once it has run a few times.
	await node.sql.query("set plan_cache_mode = force_generic_plan");
	const { rows } = await node.sql.query(`explain (analyze, format json) ${text}`, values);
	return nodesOf(rows[0]["QUERY PLAN"][0].Plan)
		.filter((plan) => plan["Relation Name"] === "messages")
		.map((plan) => ({
			how: plan["Node Type"],
			index: plan["Index Name"],
			rows: (plan["Actual Rows"] + (plan["Rows Removed by Filter"] ?? 0)) * plan["Actual Loops"],
		}));
}

const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];

test.each(["needle", "hay", "a", "nowhere", "needle or hay", "-needle"])(
	"a search for %j reads the signatures of the user's conversations from the index, and few messages",
	async (q) => {
		const reads = await readsOf("user", "ada", q);
		const [index, table] = reads.sort((a, b) => b.how.length - a.how.length);
		expect(index).toMatchObject({ how: "Index Only Scan", index: "messages_pkey" });
		expect(index?.rows).toBeLessThanOrEqual(10 * perConversation + 10);
		expect(table).toMatchObject({ how: "Index Scan" });
		expect(table?.rows).toBeLessThanOrEqual(20);
		expect(reads).toHaveLength(2);
	},
);

test("a search within a conversation reads only that, and no further than it must", async () => {
	const { rows } = await node.sql.query("select id from conversations where user1_id = 'ada' limit 1");
	const [index] = (await readsOf("conversation", rows[0].id, "nowhere")).sort((a, b) => b.how.length - a.how.length);
	expect(index).toMatchObject({ how: "Index Only Scan", index: "messages_pkey", rows: perConversation });
	const [frequent] = (await readsOf("conversation", rows[0].id, "hay")).sort((a, b) => b.how.length - a.how.length);
	expect(frequent?.rows).toBeLessThan(perConversation / 2);
});

test("a request looks at 4,000 candidates at the most and leaves the rest to the next page", async () => {
	const { rows } = await node.sql.query("select id from conversations where user1_id = 'a11'");
	await node.sql.query(
		`insert into messages (conversation_id, seq, user1_sent, user2_sent, created_at, id, client_id, sender_id, type, content, metadata, search)
		select $1, seq, seq, 0, now(), gen_random_uuid(), gen_random_uuid(), 'a11', 'TEXT', 'only hay', '{}', $2::varbit
		from generate_series(51, 5000) seq`,
		[rows[0].id, sign("only hay")],
	);
	for (const [sort, pages] of [
		["recent", 2],
		// Whole words, which are no match here, and then parts of words.
		["relevance", 3],
	] as const) {
		let cursor: string | undefined;
		for (let i = 1; i <= pages; i++) {
			const { items, nextCursor } = await node.search("a11", "hay -only", { sort, ...(cursor !== undefined && { cursor }) });
			expect({ sort, i, items, nextCursor }).toEqual({ sort, i, items: [], nextCursor: i < pages ? expect.any(String) : null });
			cursor = nextCursor ?? undefined;
		}
	}
});
