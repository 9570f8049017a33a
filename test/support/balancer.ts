import { once } from "node:events";
import { createServer, connect as dial, type Server, type Socket } from "node:net";
import { isGatewayReady } from "../../testing/parley.ts";

/** How often gateways are asked whether they are ready. */
const probeMs = 200;

/**
 * What clients have before them in a cluster: an address behind which connections go to a gateway that is ready. There is one
 * front for each gateway, which takes its own gateway if that is ready, and else another, so that a test knows who is where.
 */
export class Balancer {
	readonly urls: string[] = [];
	readonly #gateways: readonly URL[];
	readonly #ready = new Set<URL>();
	readonly #fronts: Server[] = [];
	readonly #sockets = new Set<Socket>();
	readonly #probing: NodeJS.Timeout;

	private constructor(gateways: readonly URL[]) {
		this.#gateways = gateways;
		this.#probing = setInterval(() => this.#probeAll(), probeMs);
	}

	static async before(gateways: readonly string[]): Promise<Balancer> {
		const balancer = new Balancer(gateways.map((url) => new URL(url)));
		for (const own of balancer.#gateways) await balancer.#open(own);
		return balancer;
	}

	get allReady(): boolean {
		return this.#ready.size === this.#gateways.length;
	}

	async close(): Promise<void> {
		clearInterval(this.#probing);
		for (const socket of this.#sockets) socket.destroy();
		for (const front of this.#fronts) front.close();
	}

	async #open(own: URL): Promise<void> {
		const others = this.#gateways.filter((gateway) => gateway !== own);
		const front = createServer((near) => {
			this.#keep(near);
			const isReady = (gateway: URL) => this.#ready.has(gateway);
			const inOrder = [own, ...others];
			this.#connect(near, [...inOrder.filter(isReady), ...inOrder.filter((gateway) => !isReady(gateway))]);
		});
		this.#fronts.push(front);
		await once(front.listen(0, "127.0.0.1"), "listening");
		const address = front.address();
		if (address === null || typeof address === "string") throw new Error("no TCP port");
		this.urls.push(`http://127.0.0.1:${address.port}`);
	}

	/** To the first that takes the connection. */
	#connect(near: Socket, [gateway, ...others]: URL[]): void {
		if (!gateway) return void near.destroy();
		const far = dial(Number(gateway.port), gateway.hostname);
		this.#keep(far);
		far.once("error", () => {
			if (far.connecting || far.bytesRead + far.bytesWritten === 0) this.#connect(near, others);
			else near.destroy();
		});
		far.once("connect", () => {
			near.pipe(far).pipe(near);
			far.once("close", () => near.destroy());
		});
		near.once("close", () => far.destroy());
	}

	#keep(socket: Socket): void {
		this.#sockets.add(socket);
		// What broke closes: the other end is told there.
		socket.on("error", () => {});
		socket.on("close", () => this.#sockets.delete(socket));
	}

	#probeAll(): void {
		for (const gateway of this.#gateways) {
			isGatewayReady(gateway.origin).then(
				(isReady) => (isReady ? this.#ready.add(gateway) : this.#ready.delete(gateway)),
				() => this.#ready.delete(gateway),
			);
		}
	}
}
