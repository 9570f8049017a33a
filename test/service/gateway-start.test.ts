import { gatewayNodes } from "../../services/push.ts";
import { until } from "../../testing/until.ts";
import { startBrokers, type TestNode } from "../support/broker.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/database.ts";

let database: TestDatabase;
let nodes: TestNode[] = [];

beforeAll(async () => {
	database = await createMigratedDatabase();
});

afterAll(async () => {
	for (const node of nodes) await node.stop();
	await database.drop();
});

test("other nodes push to a gateway from the moment on which it has started", async () => {
	const { url: databaseUrl } = database;
	nodes = await startBrokers(
		{ databaseUrl, services: ["gateway"] },
		{ databaseUrl, services: ["gateway"] },
		{ databaseUrl, services: ["gateway"] },
		{ databaseUrl, services: ["gateway", "conversations", "directory", "messages", "presence"] },
	);
	const everyGateway = nodes.map(({ broker }) => broker.nodeID).toSorted();
	for (const { broker } of nodes) {
		// Moleculer by itself announces services a second later.
		await until(() => expect(gatewayNodes(broker).toSorted()).toEqual(everyGateway) ?? true, { timeoutMs: 100 });
	}
});
