import { gatewayNodes } from "../../services/push.ts";
import { eventually } from "../../testing/until.ts";
import { startBrokers, type TestNode } from "../support/broker.ts";
import { useDatabase } from "../support/use-node.ts";

let nodes: TestNode[] = [];

// Above the database, so that the nodes stop before it is dropped.
afterAll(async () => {
	for (const node of nodes) await node.stop();
});

const database = useDatabase();

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
		await eventually(() => expect(gatewayNodes(broker).toSorted()).toEqual(everyGateway), { timeoutMs: 100 });
	}
});
