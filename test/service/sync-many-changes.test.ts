import { ChatClient } from "../../client/chat.ts";
import type { Message } from "../../client/types.ts";
import { until } from "../../testing/until.ts";
import { as, tokenOf } from "../support/broker.ts";
import { query } from "../support/database.ts";
import { gatewayOf, urlOf } from "../support/gateway.ts";
import { type Conversing, openConversation, send } from "../support/platform.ts";
import { useNode } from "../support/use-node.ts";

jest.setTimeout(60_000);

const node = useNode();

/** Erasure, or images that went: no event tells of each. */
async function changeUpTo({ conversationId }: Conversing, seq: number): Promise<void> {
	const change =
		"update messages set content = 'gone', changed_xid = pg_current_xact_id() where conversation_id = $1 and seq <= $2";
	await query(node.databaseUrl, change, [conversationId, seq]);
	await query(node.databaseUrl, "update conversations set changed_xid = pg_current_xact_id() where id = $1", [conversationId]);
}

async function write({ conversationId, applicantId }: Conversing, count: number): Promise<void> {
	await Promise.all(Array.from({ length: count }, () => send(node.calls, conversationId, applicantId)));
}

test.each([1_200, 400])("a client that was away while %i messages changed ends with what the server has", async (changed) => {
	const pair = await openConversation(node.calls);
	const { conversationId, employerId } = pair;
	await write(pair, 1);
	const client = new ChatClient({
		baseUrl: urlOf(node),
		token: await tokenOf(employerId),
		reconnectDelayMs: 20,
		maxMessages: 2_000,
	});
	await client.connect();
	const state = await client.open(conversationId);
	client.close();
	await write(pair, 1_200);
	await client.connect();
	await until(() => state.lastSeq === 1_201 && state.messages.length === 1_201);
	client.close();

	await changeUpTo(pair, changed);
	await write(pair, 3);
	const synced = new Promise((resolve) => client.on("synced", resolve));
	await client.connect();
	await synced;
	expect(state.messages.map(contentOf)).toEqual((await history(pair)).slice(-state.messages.length).map(contentOf));
	expect(state.lastSeq).toBe(1_204);
	client.close();
	await until(() => gatewayOf(node).sockets.userIds().length === 0);
});

test("as many changed messages as are told together with new ones are told as changes, the next one means to start afresh", async () => {
	const pair = await openConversation(node.calls);
	const me = as(pair.employerId);
	await write(pair, 600);
	const { nextSince } = await settled(pair);
	await changeUpTo(pair, 500);
	const changes = await node.calls.call("conversations.sync", { since: nextSince }, me);
	expect(changes.reset).toBe(false);
	expect(changes.conversations[0]?.messages).toHaveLength(500);
	await changeUpTo(pair, 501);
	const afresh = await node.calls.call("conversations.sync", { since: nextSince }, me);
	expect(afresh.reset).toBe(true);
	expect(afresh.conversations[0]).toMatchObject({ hasMore: true });
});

const contentOf = ({ seq, content }: Message) => [seq, content];

async function history({ conversationId, employerId }: Conversing): Promise<Message[]> {
	const messages: Message[] = [];
	for (let hasMore = true; hasMore; ) {
		const after = messages.at(-1)?.seq ?? 0;
		const page = await node.calls.call("messages.list", { conversationId, after, limit: 100 }, as(employerId));
		messages.push(...page.items);
		({ hasMore } = page);
	}
	return messages;
}

/** An answer behind which nothing is left. */
function settled({ employerId }: Conversing) {
	return until(async () => {
		const { nextSince } = await node.calls.call("conversations.sync", {}, as(employerId));
		const answer = await node.calls.call("conversations.sync", { since: nextSince }, as(employerId));
		return answer.conversations.length === 0 ? answer : null;
	});
}
