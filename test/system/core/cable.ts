import { createServer, connect as dial, type Server, type Socket } from "node:net";

const laid = new Set<Cable>();

/** For `afterEach`. */
export function closeCables(): void {
	for (const cable of laid) cable.close();
}

/** The network between a client and a gateway: a TCP proxy whose connections can be cut, or made to lose what is pushed. */
export class Cable {
	/** While true, nothing that the gateway writes to a WebSocket arrives; HTTP works. */
	losesPushes = false;
	readonly #sockets = new Set<Socket>();
	readonly #server: Server;

	private constructor({ hostname, port }: URL) {
		this.#server = createServer((near) => this.#join(near, dial(Number(port || 80), hostname)));
	}

	static async to(baseUrl: string): Promise<Cable> {
		const cable = new Cable(new URL(baseUrl));
		laid.add(cable);
		await new Promise<void>((resolve) => cable.#server.listen(0, "127.0.0.1", resolve));
		return cable;
	}

	get url(): string {
		const address = this.#server.address();
		if (address === null || typeof address === "string") throw new Error("The cable is closed.");
		return `http://127.0.0.1:${address.port}`;
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

	#join(near: Socket, far: Socket): void {
		let isWebSocket = false;
		near.on("data", (chunk) => far.write(chunk));
		// The gateway writes whole frames, and on one machine a small write is read whole: leaving out a chunk breaks no frame.
		far.on("data", (chunk) => {
			if (isWebSocket && this.losesPushes) return;
			isWebSocket ||= chunk.toString("latin1", 0, 12) === "HTTP/1.1 101";
			near.write(chunk);
		});
		for (const [socket, other] of [
			[near, far],
			[far, near],
		] as const) {
			this.#sockets.add(socket);
			socket.on("error", () => other.destroy());
			socket.on("close", () => {
				this.#sockets.delete(socket);
				other.destroy();
			});
		}
	}
}
