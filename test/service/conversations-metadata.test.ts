import type { Database, Statement, WithDatabase } from "../../mixins/database.ts";
import { as, startBroker, type TestNode } from "../support/broker.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/database.ts";
import { openConversation, send } from "../support/platform.ts";

jest.setTimeout(20_000);

let database: TestDatabase;
let node: TestNode;

beforeAll(async () => {
	database = await createMigratedDatabase();
	node = await startBroker({ databaseUrl: database.url, services: ["conversations", "directory", "messages", "presence"] });
});

afterAll(async () => {
	await node.stop();
	await database.drop();
});

test("the first message is looked up once, and everything that changes is as it is now", async () => {
	const { calls } = node;
	const { conversationId, applicantId, employerId } = await openConversation(calls);
	const figures = () => calls.call("conversations.metadata", { conversationId }, as(applicantId));
	expect(await figures()).toMatchObject({ messageCount: 0, firstMessageAt: null });
	const { createdAt: firstMessageAt } = await send(calls, conversationId, applicantId);
	expect(await figures()).toMatchObject({ messageCount: 1, firstMessageAt });

	const { createdAt: lastMessageAt } = await send(calls, conversationId, applicantId);
	await calls.call("messages.markRead", { conversationId }, as(employerId));
	await calls.call("presence.report", { nodeId: "a", number: 1, users: [{ userId: employerId, status: "online" }], since: 1 });
	const asked = await namesOfStatements(async () => {
		expect(await figures()).toMatchObject({
			messageCount: 2,
			firstMessageAt,
			lastMessageAt,
			participants: [
				{ userId: applicantId, readSeq: 0, lastSeenAt: null },
				{ userId: employerId, readSeq: 2, lastSeenAt: expect.any(String) },
			],
		});
	});
	expect(asked).toContain("conversations.get");
	expect(asked).not.toContain("messages.pick");
});

/** The statements of all services of the node, which share a pool. */
async function namesOfStatements(work: () => Promise<void>): Promise<string[]> {
	const { db } = node.broker.getLocalService("conversations") as unknown as WithDatabase;
	const names: string[] = [];
	const original = db.query.bind(db);
	db.query = ((statement: Statement, values: unknown[] = []) => {
		names.push(statement.name);
		return original(statement, values);
	}) as Database["query"];
	try {
		await work();
	} finally {
		db.query = original;
	}
	return names;
}
