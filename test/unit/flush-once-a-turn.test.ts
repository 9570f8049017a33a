import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server } from "socket.io";
import { io as connect } from "socket.io-client";
import { flushOnceATurn } from "../../services/gateway/flush-once-a-turn.ts";
import { until } from "../../testing/until.ts";

/** What engine.io has and its types do not. */
interface Transport {
	send(packets: unknown[]): void;
}

/** Five events told in one turn: how they arrive, and how many packets each write took. */
async function tellFive(prepare: (io: Server) => void): Promise<{ heard: unknown[]; writes: number[] }> {
	const http = createServer();
	const io = new Server(http);
	prepare(io);
	http.listen(0, "127.0.0.1");
	await once(http, "listening");
	const client = connect(`http://127.0.0.1:${(http.address() as AddressInfo).port}`, { transports: ["websocket"] });
	try {
		const heard: unknown[] = [];
		client.on("count", (number) => heard.push(number));
		const [socket] = await once(io, "connection");
		await until(() => client.connected);
		const transport: Transport = socket.conn.transport;
		const send = transport.send.bind(transport);
		const writes: number[] = [];
		transport.send = (packets) => {
			writes.push(packets.length);
			send(packets);
		};
		for (let number = 1; number <= 5; number++) socket.emit("count", number);
		await until(() => heard.length === 5);
		return { heard, writes };
	} finally {
		client.close();
		await io.close();
	}
}

test("what a socket is told in one turn arrives in order, and is written at once", async () => {
	expect(await tellFive(flushOnceATurn)).toEqual({ heard: [1, 2, 3, 4, 5], writes: [5] });
});

test("socket.io by itself still writes each packet: the wrapper is not there for nothing", async () => {
	const { writes } = await tellFive(() => {});
	expect(writes.length).toBeGreaterThan(1);
});
