import { randomUUID } from "node:crypto";
import { until } from "../../testing/until.ts";
import { as } from "../support/broker.ts";
import { useSearchNode } from "../support/search-node.ts";

const node = useSearchNode();

const messages = 4;

/**
 * Takes the place of the built-in function with which a search looks at a message's signature, because it fits the column better:
 * each look takes this long in the database.
 */
const slowLength = (seconds: number) => `create or replace function public.length(signature bit varying) returns integer
	language plpgsql as $$ begin perform pg_sleep(${seconds}); return pg_catalog.length(signature::text); end $$`;

const lookSeconds = 0.6;

test("slow searches delay neither sends nor other queries, and too many of them are refused", async () => {
	const [me, them] = [`me-${randomUUID()}`, `them-${randomUUID()}`];
	const conversationId = await node.open(me, them);
	for (let i = 0; i < messages; i++) await node.write(me, conversationId, `a needle, ${i}`);
	await node.sql.query(slowLength(lookSeconds));

	const searches = Array.from({ length: 60 }, () => node.search(me, "needle"));
	const answers = Promise.allSettled(searches);
	await until(async () => (await sleeping()) >= 3);
	const fromMs = performance.now();
	await Promise.all([
		node.write(me, conversationId, "sent meanwhile"),
		node.calls.call("messages.list", { conversationId }, as(me)),
		node.calls.call("messages.markRead", { conversationId }, as(them)),
	]);
	expect(performance.now() - fromMs).toBeLessThan((messages * lookSeconds * 1_000) / 2);

	await node.sql.query(slowLength(0));
	const refused = (await answers).flatMap((answer) => (answer.status === "rejected" ? [answer.reason.type] : []));
	expect(refused.length).toBeGreaterThan(0);
	expect(new Set(refused)).toEqual(new Set(["UNAVAILABLE"]));
});

/** How many statements sleep in the database. */
async function sleeping(): Promise<number> {
	const { rows } = await node.sql.query<{ count: number }>(
		"select count(*)::int from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'",
	);
	return rows[0]?.count ?? 0;
}
