import pg from "pg";
import type { Database, Statement, WithDatabase } from "../../mixins/database.ts";
import { until } from "../../testing/until.ts";
import { as } from "../support/broker.ts";
import { query } from "../support/database.ts";
import { registerUser } from "../support/platform.ts";
import { useNode } from "../support/use-node.ts";

jest.setTimeout(120_000);

/**
 * Ada has 10,000 conversations, others have as many in between. What is asserted is what the statements of a request read, not
 * how long that takes: as they are planned for her, and as they are planned for anybody, which is what a connection keeps.
 */
let sql: pg.Client;
let adaId: string;

// Above the nodes, so that this is closed before they stop.
afterAll(() => sql.end());

const node = useNode({ services: ["conversations", "directory", "messages"] });

beforeAll(async () => {
	adaId = await registerUser(node.calls);
	await query(
		node.databaseUrl,
		`with opened as (
			insert into conversations (id, user1_id, user2_id, job_application_id, created_at)
			select gen_random_uuid(), case when n % 4 = 0 then $1 else 'a' || n end, case when n % 4 = 2 then $1 else 'e' || n end, n,
				now() - n * interval '1 second'
			from generate_series(1, 20000) n returning id, user1_id, user2_id
		)
		insert into participants (conversation_id, user_id) select id, person from opened, unnest(array[user1_id, user2_id]) person`,
		[adaId],
	);
	sql = new pg.Client({ connectionString: node.databaseUrl, options: "-c timezone=UTC -c enable_seqscan=off" });
	await sql.connect();
	await sql.query("vacuum analyze");
});

type Asked = Statement & { values: unknown[] };

/** The statements of the conversations service while `work` runs. */
async function statementsOf(work: () => Promise<unknown>): Promise<Asked[]> {
	const { db } = node.broker.getLocalService("conversations") as unknown as WithDatabase;
	const asked: Asked[] = [];
	const original = db.query.bind(db);
	db.query = ((statement: Statement, values: unknown[] = []) => {
		asked.push({ ...statement, values });
		return original(statement, values);
	}) as Database["query"];
	try {
		await work();
	} finally {
		db.query = original;
	}
	return asked;
}

interface Plan {
	"Node Type": string;
	"Relation Name"?: string;
	"Shared Hit Blocks": number;
	"Shared Read Blocks": number;
	Plans?: Plan[];
}

/** Blocks that a statement reads, and of which tables it reads every row. */
async function readsOf({ text, values }: Asked, mode: "force_custom_plan" | "force_generic_plan") {
	await sql.query(`set plan_cache_mode = ${mode}`);
	await sql.query(`prepare asked as ${text}`);
	const literals = values.map((value) => literal(value)).join(", ");
	const { rows } = await sql.query(`explain (analyze, buffers, format json) execute asked${literals && `(${literals})`}`);
	await sql.query("deallocate asked");
	const plan: Plan = rows[0]["QUERY PLAN"][0].Plan;
	const scanned = nodesOf(plan).filter((one) => one["Node Type"] === "Seq Scan");
	return {
		blocks: plan["Shared Hit Blocks"] + plan["Shared Read Blocks"],
		scanned: scanned.flatMap((one) => one["Relation Name"] ?? []),
	};
}

const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];

function literal(value: unknown): string {
	if (value === null) return "null";
	return Array.isArray(value) ? pg.escapeLiteral(`{${value.join(",")}}`) : pg.escapeLiteral(String(value));
}

const requests: [what: string, maxBlocks: number, request: () => Promise<unknown>][] = [
	["a page of the list", 2_000, () => node.calls.call("conversations.list", {}, as(adaId))],
	["a sync without a cursor", 2_000, () => node.calls.call("conversations.sync", {}, as(adaId))],
	[
		"a sync when little has changed",
		45_000,
		async () => {
			const { nextSince } = await node.calls.call("conversations.sync", {}, as(adaId));
			return node.calls.call("conversations.sync", { since: nextSince }, as(adaId));
		},
	],
	["where she stands in 1,000", 12_000, async () => node.calls.call("conversations.levels", { pairs: await pairsOf(adaId) })],
	["all that is unread", 25_000, () => node.calls.call("conversations.unreadCount", {}, as(adaId))],
];

async function pairsOf(userId: string) {
	const rows = await query<{ id: string }>(
		node.databaseUrl,
		"select conversation_id as id from participants where user_id = $1 limit 1000",
		[userId],
	);
	return rows.map(({ id }) => ({ conversationId: id, userId }));
}

test.each(requests)(
	"%s of 10,000 conversations reads at most %i blocks, however it is planned",
	async (_what, maxBlocks, request) => {
		await until(async () => {
			const { nextSince } = await node.calls.call("conversations.sync", {}, as(adaId));
			return !(await node.calls.call("conversations.sync", { since: nextSince }, as(adaId))).reset;
		});
		const asked = await statementsOf(request);
		for (const mode of ["force_custom_plan", "force_generic_plan"] as const) {
			let blocks = 0;
			for (const statement of asked) {
				const reads = await readsOf(statement, mode);
				expect(reads.scanned.filter((table) => ["conversations", "participants"].includes(table))).toEqual([]);
				blocks += reads.blocks;
			}
			expect({ mode, blocks: Math.max(blocks, maxBlocks) }).toEqual({ mode, blocks: maxBlocks });
		}
	},
);

test("no index has a column that every message changes: the head of a conversation stays in its page", async () => {
	const indexed = await query<{ name: string }>(
		node.databaseUrl,
		`select attname as name from pg_index join pg_attribute on attrelid = indrelid and attnum = any (indkey)
		where indrelid = 'conversations'::regclass`,
	);
	const changing = ["last_seq", "user1_sent", "user2_sent", "last_message_at", "updated_at", "changed_xid"];
	expect(indexed.map(({ name }) => name).filter((name) => changing.includes(name))).toEqual([]);
});
