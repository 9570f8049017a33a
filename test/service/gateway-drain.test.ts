import { startBrokers, type TestNode, tokenOf } from "../support/broker.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/database.ts";
import { connect } from "../support/gateway.ts";
import { openConversation, send } from "../support/platform.ts";
import { until } from "../support/until.ts";

let database: TestDatabase;
let leaving: TestNode;
let staying: TestNode;

beforeAll(async () => {
	database = await createMigratedDatabase();
	const { url: databaseUrl } = database;
	[leaving, staying] = (await startBrokers(
		{ databaseUrl, services: ["gateway"] },
		{ databaseUrl, services: ["gateway", "conversations", "directory", "messages", "presence"] },
	)) as [TestNode, TestNode];
});

afterAll(async () => {
	await staying.stop();
	await database.drop();
});

test("a socket that was asked to move hears of new messages at once until it has moved", async () => {
	const { conversationId, applicantId, employerId } = await openConversation(staying.calls);
	const client = await connect(leaving, await tokenOf(applicantId));
	const received: number[] = [];
	client.on("message_received", ({ message }, acknowledge) => {
		received.push(message.seq);
		acknowledge();
	});
	const asked = new Promise((resolve) => client.on("server_draining", resolve));
	const stopped = leaving.stop();
	await asked;
	await send(staying.calls, conversationId, employerId);
	// Sooner than any sweep looks for what was lost.
	await until(() => received.length > 0, { timeoutMs: 1_000 });
	expect(received).toEqual([1]);
	client.close();
	await stopped;
});
