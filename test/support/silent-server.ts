import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";

/** Accepts connections and never sends anything. */
export interface SilentServer {
	port: number;
	connections: Socket[];
	stop(): Promise<void>;
}

/** @param greet what is done with each connection, if it should not stay silent */
export async function startSilentServer(greet: (socket: Socket) => void = () => {}): Promise<SilentServer> {
	const connections: Socket[] = [];
	const server = createServer((socket) => {
		connections.push(socket.on("error", () => {}));
		socket.resume();
		greet(socket);
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	return {
		port: (server.address() as AddressInfo).port,
		connections,
		async stop() {
			for (const socket of connections) socket.destroy();
			server.close();
			await once(server, "close");
		},
	};
}
