import fc from "fast-check";
import type { Socket } from "socket.io-client";
import { ChatClient } from "../../client/chat.ts";
import { ConversationState } from "../../client/conversation-state.ts";
import type { Conversation, ServerEvents } from "../../client/types.ts";
import type { Database, Statement, WithDatabase } from "../../mixins/database.ts";
import { push } from "../../services/push.ts";
import { eventually, until } from "../../testing/until.ts";
import { as, startBroker, type TestNode, tokenOf } from "../support/broker.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/database.ts";
import { connect, disconnect, gatewayOf, urlOf } from "../support/gateway.ts";
import { openConversation, send } from "../support/platform.ts";

jest.setTimeout(60_000);

type Unread = ServerEvents["unread_count"];

let database: TestDatabase;
let node: TestNode;

beforeAll(async () => {
	database = await createMigratedDatabase();
	node = await startBroker({ databaseUrl: database.url });
});

afterAll(async () => {
	await node.stop();
	await database.drop();
});

test("unread messages are counted for those who are connected, and for nobody else", async () => {
	const [away, here] = [await openConversation(node.calls), await openConversation(node.calls)];
	const socket = await connect(node, await tokenOf(here.employerId));
	const heard = countsOf(socket);
	const counted = await countedWhile(async () => {
		for (let n = 1; n <= 3; n++) {
			await send(node.calls, away.conversationId, away.applicantId);
			await send(node.calls, here.conversationId, here.applicantId);
			await until(() => heard.at(-1)?.count === n);
		}
	});
	expect(heard.at(-1)).toEqual({ conversationId: here.conversationId, count: 3, lastSeq: 3, total: 3, totalLastSeq: 3 });
	expect([...counted]).toEqual([here.employerId]);
	await disconnect(node, socket);
});

test("the total of somebody with several conversations, on either side of them, is what the rows say", async () => {
	const first = await openConversation(node.calls);
	const me = first.employerId;
	const second = await openConversation(node.calls, { applicantId: me });
	const socket = await connect(node, await tokenOf(me));
	const heard = countsOf(socket);
	await send(node.calls, second.conversationId, second.employerId);
	await send(node.calls, second.conversationId, me);
	for (let n = 0; n < 3; n++) await send(node.calls, first.conversationId, first.applicantId);
	await node.calls.call("messages.markRead", { conversationId: first.conversationId, seq: 1 }, as(me));
	const last = { conversationId: first.conversationId, count: 2, lastSeq: 3, total: 3, totalLastSeq: 5 };
	await eventually(() => {
		expect(heard.at(-1)).toEqual(last);
	});
	expect(await node.calls.call("conversations.unreadCount", {}, as(me))).toEqual({ count: 3 });
	await disconnect(node, socket);
});

test("a client that hears counts in the wrong order shows the newest one, of a conversation and of all", async () => {
	const { conversationId, employerId } = await openConversation(node.calls);
	const other = await openConversation(node.calls, { employerId });
	const client = new ChatClient({ baseUrl: urlOf(node), token: await tokenOf(employerId), reconnectDelayMs: 20 });
	const shown: Unread[] = [];
	client.on("unread_count", (unread) => shown.push(unread));
	await client.connect();
	const state = await client.open(conversationId);
	const counts: Unread[] = [
		{ conversationId, count: 2, lastSeq: 2, total: 2, totalLastSeq: 2 },
		{ conversationId, count: 1, lastSeq: 1, total: 1, totalLastSeq: 1 },
		{ conversationId: other.conversationId, count: 1, lastSeq: 1, total: 4, totalLastSeq: 4 },
		{ conversationId, count: 3, lastSeq: 3, total: 3, totalLastSeq: 3 },
		{ conversationId, count: 0, lastSeq: 3, total: 1, totalLastSeq: 4 },
		{ conversationId, count: 1, lastSeq: 3, total: 2, totalLastSeq: 4 },
	];
	const pushes = counts.map((count) => push(count, { userId: employerId, event: "unread_count" }));
	await node.calls.call("gateway.deliver", { pushes });
	await until(() => shown.length >= 4);
	expect(shown.map(({ count, total }) => [count, total])).toEqual([
		[2, 2],
		[1, 4],
		[3, 4],
		[0, 1],
	]);
	expect(state.conversation.unreadCount).toBe(0);
	client.close();
	await until(() => gatewayOf(node).sockets.userIds().length === 0);
});

test("whatever order counts, announcements and fresh copies come in, the newest count is shown", async () => {
	const { conversationId, employerId } = await openConversation(node.calls);
	const empty = await node.calls.call("conversations.get", { conversationId }, as(employerId));
	const step = fc.record({ isMessage: fc.boolean(), by: fc.integer({ min: 1, max: 5 }) });
	const arrival = fc.record({ order: fc.nat(), way: fc.constantFrom("count", "announcement", "copy") });
	fc.assert(
		fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), fc.infiniteStream(arrival), (steps, arrivals) => {
			let [lastSeq, readSeq] = [0, 0];
			// As the server sees it: every count is right for the moment in which it was made.
			const history = steps.map(({ isMessage, by }, i) => {
				if (isMessage) lastSeq += by;
				else readSeq = Math.min(lastSeq, readSeq + by);
				return { lastSeq, count: lastSeq - readSeq, updatedAt: new Date(Date.UTC(2027, 0, 1) + i).toISOString() };
			});
			const state = new ConversationState(empty, 0);
			const delivered = history.map((seen) => ({ seen, ...arrivals.next().value })).sort((a, b) => a.order - b.order);
			for (const { seen, way } of delivered) {
				const copy: Conversation = { ...empty, lastSeq: seen.lastSeq, unreadCount: seen.count, updatedAt: seen.updatedAt };
				if (way === "count") state.unread(seen);
				else if (way === "copy") state.replace(copy);
				// An announcement that is older than what is here is dropped as a whole: the count comes by itself.
				else {
					state.update(copy);
					state.unread(seen);
				}
			}
			expect(state.conversation.unreadCount).toBe(history.at(-1)?.count);
		}),
		{ numRuns: 500 },
	);
});

function countsOf(socket: Socket): Unread[] {
	const heard: Unread[] = [];
	socket.on("unread_count", (unread: Unread) => heard.push(unread));
	return heard;
}

/** For whom unread messages are counted while `work` runs. */
async function countedWhile(work: () => Promise<void>): Promise<Set<string>> {
	const { db } = node.broker.getLocalService("conversations") as unknown as WithDatabase;
	const counted = new Set<string>();
	const original = db.query.bind(db);
	db.query = ((statement: Statement, values: unknown[] = []) => {
		if (statement.name === "conversations.unreadCounts") for (const userId of values[0] as string[]) counted.add(userId);
		return original(statement, values);
	}) as Database["query"];
	try {
		await work();
	} finally {
		db.query = original;
	}
	return counted;
}
