import type { Push } from "../../services/gateway/gateway.contract.ts";
import { deliver, push } from "../../services/push.ts";
import { until } from "../../testing/until.ts";
import { startBrokers, type TestNode } from "../support/broker.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/database.ts";
import { recordingGateway } from "../support/watchers.ts";

let database: TestDatabase;
let nodes: TestNode[] = [];
let calls: Push[][];

beforeAll(async () => {
	database = await createMigratedDatabase();
	calls = [];
	const node = { databaseUrl: database.url, services: [] };
	nodes = await startBrokers(node, { ...node, others: [recordingGateway([], calls)] });
});

afterAll(async () => {
	for (const node of nodes) await node.stop();
	await database?.drop();
});

test("many pushes to a gateway go in calls of about half a megabyte, all of them and in order", async () => {
	const [sender] = nodes;
	if (!sender) throw new Error("no node");
	const sent = Array.from({ length: 3_000 }, (_, count) =>
		push(
			{ conversationId: "x".repeat(1_000), count, lastSeq: 1, total: count, totalLastSeq: 1 },
			{ userId: `user-${count}`, event: "unread_count" },
		),
	);
	await deliver(sender.broker, sent);
	await until(() => calls.flat().length === sent.length);
	expect(calls.flat()).toEqual(sent);
	const sizes = calls.map((pushes) => JSON.stringify(pushes).length);
	expect(Math.max(...sizes)).toBeLessThan(512 * 1024);
	expect(sizes.length).toBeLessThan(12);
});
