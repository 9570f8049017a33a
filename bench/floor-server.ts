import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { type DefaultEventsMap, Server, type Socket } from "socket.io";
import { startPostgres } from "../embedded/postgres.ts";
import { openFloorTable } from "./floor-table.ts";
import type { ClientEvents, SendBody, ServerEvents, WireMessage } from "./wire.ts";

// The floor: the least code that stores and delivers a message with the same packages as Parley, which are socket.io and one batched
// INSERT. It has no Moleculer, authentication, checks, receipts or counts. The difference to Parley is the cost of these features.
// node bench/floor-server.ts <port> <data folder>

const [port, dataDir] = process.argv.slice(2);
if (port === undefined || dataDir === undefined) throw new Error("usage: floor-server.ts <port> <data folder>");

const postgres = await startPostgres({ dataDir });
const table = await openFloorTable(postgres.url);
const http = createServer((request, response) => {
	response.writeHead(request.url === "/health/ready" ? 200 : 404).end();
});
const io = new Server<ClientEvents, ServerEvents, DefaultEventsMap>(http, {
	transports: ["websocket"],
	perMessageDeflate: false,
	serveClient: false,
});
type FloorSocket = Socket<ClientEvents, ServerEvents, DefaultEventsMap>;
const socketsOf = new Map<string, FloorSocket>();
const lastSeqs = new Map<string, number>();

io.of("/messaging").on("connection", (socket) => {
	const { userId, partnerId } = socket.handshake.auth as { userId: string; partnerId: string };
	socketsOf.set(userId, socket);
	socket.on("send_message", async (body, answered) => {
		const message = newMessage(body, userId);
		await table.append(message);
		answered({ ok: true, message });
		socketsOf.get(partnerId)?.emit("message_received", { message }, () => {});
	});
	socket.on("mark_read", (_body, answered) => answered({ ok: true }));
});
http.listen(Number(port), "127.0.0.1");

process.once("SIGTERM", async () => {
	await io.close();
	await table.close();
	await postgres.stop();
	process.exit();
});

function newMessage({ conversationId, clientId, content }: SendBody, senderId: string): WireMessage {
	const seq = (lastSeqs.get(conversationId) ?? 0) + 1;
	lastSeqs.set(conversationId, seq);
	return { id: randomUUID(), conversationId, seq, clientId, senderId, content, createdAt: new Date().toISOString() };
}
