import { io } from "socket.io-client";
import type { Sockets } from "../../services/gateway/sockets.ts";
import { startBroker, type TestNode, tokenOf } from "../support/broker.ts";
import { createMigratedDatabase, type TestDatabase } from "../support/database.ts";
import { openConversation, send } from "../support/platform.ts";
import { until } from "../support/until.ts";

interface Gateway {
	server: { address(): { port: number } };
	sockets: Sockets;
}

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

test("A device that acknowledges nothing gets every message and makes its socket remember no more than a thousand", async () => {
	const gateway = node.broker.getLocalService("gateway") as unknown as Gateway;
	const { conversationId, applicantId, employerId } = await openConversation(node.calls);
	const client = io(`http://127.0.0.1:${gateway.server.address().port}/messaging`, {
		auth: { token: await tokenOf(applicantId) },
		transports: ["websocket"],
	});
	const seqs = new Set<number>();
	client.on("message_received", ({ message }: { message: { seq: number } }) => seqs.add(message.seq));
	await until(() => client.connected);

	await Promise.all(Array.from({ length: 1_200 }, () => send(node.calls, conversationId, employerId)));

	await until(() => seqs.size === 1_200);
	const [socket] = gateway.sockets.of(applicantId) as unknown as { acks: Map<number, unknown> }[];
	expect(socket?.acks.size).toBe(1_000);
	client.close();
	await until(() => gateway.sockets.of(applicantId).length === 0);
});
