import { io } from "socket.io-client";
import { until } from "../../testing/until.ts";
import { startBroker, type TestNode, tokenOf } from "../support/broker.ts";
import { createMigratedDatabase, holding, type TestDatabase } from "../support/database.ts";
import { connect, gatewayOf, urlOf } from "../support/gateway.ts";
import { registerUser } from "../support/platform.ts";

jest.setTimeout(20_000);

let database: TestDatabase;
let node: TestNode;

beforeEach(async () => {
	database = await createMigratedDatabase();
	node = await startBroker({ databaseUrl: database.url });
});

afterEach(async () => {
	await node.stop();
	await database.drop();
});

test.each(["connects", "authenticates"])("a client that goes away while it %s leaves no socket behind", async (when) => {
	const token = await tokenOf(await registerUser(node.calls));
	const service: unknown = node.broker.getLocalService("gateway");
	const { engine } = (service as { io: { engine: { clientsCount: number } } }).io;
	const client = when === "connects" ? undefined : await connect(node);
	const options = { transports: ["websocket"], forceNew: true, reconnection: false, auth: { token } };
	let leaving = client;
	await holding(database.url, "lock table users in access exclusive mode", [], async (waiting) => {
		if (client) client.emit("authenticate", { token });
		else leaving = io(`${urlOf(node)}/messaging`, options);
		await until(async () => (await waiting()) === 1);
		leaving?.close();
		await until(() => engine.clientsCount === 0);
	});
	// Whoever asks later is answered later.
	const later = await connect(node, await tokenOf(await registerUser(node.calls)));
	later.close();
	await until(() => engine.clientsCount === 0);
	await until(() => gatewayOf(node).sockets.userIds().length === 0, { timeoutMs: 2_000 });
});
