import type { Result } from "../../services/contracts.ts";
import { until } from "../../testing/until.ts";
import { as } from "../support/broker.ts";
import { query } from "../support/database.ts";
import { type Conversing, openConversation, send } from "../support/platform.ts";
import { useNode } from "../support/use-node.ts";

jest.setTimeout(30_000);

const node = useNode({ services: ["conversations", "directory", "messages"] });

/** Rows as a dump brings them from a cluster that had seen far more transactions than this one. */
async function restored(): Promise<Conversing> {
	const pair = await openConversation(node.calls);
	const { conversationId, applicantId } = pair;
	for (let n = 0; n < 3; n++) await send(node.calls, conversationId, applicantId);
	for (const [table, column] of [
		["conversations", "id"],
		["participants", "conversation_id"],
	]) {
		await query(node.databaseUrl, `update ${table} set changed_xid = '9000000000' where ${column} = $1`, [conversationId]);
	}
	await query(
		node.databaseUrl,
		"update messages set created_xid = '9000000000', changed_xid = case seq when 2 then '9000000001'::xid8 end where conversation_id = $1",
		[conversationId],
	);
	return pair;
}

test("rows with transaction numbers of the future are told once, and not again", async () => {
	const { conversationId, employerId } = await restored();
	const first = await sync(employerId);
	expect(seqsOf(first, conversationId)).toEqual([1, 2, 3]);
	// Transactions of other tests may hold the cursor back for a while, which makes nothing of these rows new.
	const second = await sync(employerId, first.nextSince);
	expect(second).toMatchObject({ conversations: [], reset: false });
});

test("what changes in them later is told, and nothing else of them", async () => {
	const { conversationId, applicantId, employerId } = await restored();
	const { nextSince } = await sync(employerId);
	await send(node.calls, conversationId, applicantId);
	const told = await sync(employerId, nextSince);
	expect(seqsOf(told, conversationId)).toEqual([4]);
	const since = await settledCursor(employerId);

	await query(
		node.databaseUrl,
		"update messages set content = 'changed', changed_xid = pg_current_xact_id() where conversation_id = $1 and seq = 2",
		[conversationId],
	);
	await query(node.databaseUrl, "update conversations set changed_xid = pg_current_xact_id() where id = $1", [conversationId]);
	expect(seqsOf(await sync(employerId, since), conversationId)).toEqual([2]);

	const afterwards = await settledCursor(employerId);
	await node.calls.call("messages.markRead", { conversationId, seq: 3 }, as(employerId));
	const read = await sync(employerId, afterwards);
	expect(read.conversations).toMatchObject([{ id: conversationId, unreadCount: 1, messages: [] }]);
});

test("a dump that is restored in place, over the same database, makes clients start afresh", async () => {
	const { conversationId, employerId } = await restored();
	const { nextSince } = await sync(employerId);
	// Its tables are made anew.
	await query(
		node.databaseUrl,
		`create table again (like conversations including all);
		insert into again select * from conversations;
		drop table conversations cascade;
		alter table again rename to conversations`,
	);
	const answer = await sync(employerId, nextSince);
	expect(answer).toMatchObject({ reset: true, conversations: [{ id: conversationId }] });
});

function sync(userId: string, since?: string): Promise<Result<"conversations.sync">> {
	return node.calls.call("conversations.sync", { ...(since !== undefined && { since }) }, as(userId));
}

function seqsOf({ conversations }: Result<"conversations.sync">, conversationId: string): number[] | undefined {
	return conversations.find(({ id }) => id === conversationId)?.messages.map(({ seq }) => seq);
}

/** A cursor behind which nothing is left. */
function settledCursor(userId: string): Promise<string> {
	return until(async () => {
		const { nextSince } = await sync(userId);
		return (await sync(userId, nextSince)).conversations.length === 0 ? nextSince : null;
	});
}
