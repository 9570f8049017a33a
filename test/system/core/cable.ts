import { createServer, connect as dial, type Server, type Socket } from "node:net";

const laid = new Set<Cable>();

/** For `afterEach`. */
export function closeCables(): void {
	for (const cable of laid) cable.close();
}

/** The network between a client and a gateway: a TCP proxy whose connections can all be cut at once. */
export class Cable {
	readonly url: string;
	readonly #server: Server;
	readonly #sockets: Set<Socket>;

	private constructor(url: string, server: Server, sockets: Set<Socket>) {
		this.url = url;
		this.#server = server;
		this.#sockets = sockets;
	}

	static async to(baseUrl: string): Promise<Cable> {
		const { hostname, port } = new URL(baseUrl);
		const sockets = new Set<Socket>();
		const server = createServer((near) => {
			const far = dial(Number(port || 80), hostname);
			for (const [socket, other] of [
				[near, far],
				[far, near],
			] as const) {
				sockets.add(socket);
				socket.pipe(other);
				socket.on("error", () => other.destroy());
				socket.on("close", () => {
					sockets.delete(socket);
					other.destroy();
				});
			}
		});
		await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
		const address = server.address();
		if (address === null || typeof address === "string") throw new Error("no TCP port");
		const cable = new Cable(`http://127.0.0.1:${address.port}`, server, sockets);
		laid.add(cable);
		return cable;
	}

	/** What was on its way is lost; new connections work at once. */
	cut(): void {
		for (const socket of this.#sockets) socket.destroy();
	}

	close(): void {
		this.#server.close();
		this.cut();
		laid.delete(this);
	}
}
