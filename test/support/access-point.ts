import { once } from "node:events";
import { createServer, connect as dial, type Server, type Socket } from "node:net";

/**
 * What becomes of connections: they pass, are reset, are accepted and never hear anything, or, as before the login page of a
 * hotel, are answered with a page whatever they ask.
 */
export type Reception = "passes" | "refuses" | "is silent" | "is a portal";

const page = "<!doctype html><title>Welcome</title><form action=/login>";
const portalAnswer = `HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: ${page.length}\r\nconnection: close\r\n\r\n${page}`;

/** The network between a client and a gateway. A test says what becomes of new connections, and cuts or silences those there are. */
export class AccessPoint {
	readonly url: string;
	reception: Reception = "passes";
	readonly #server: Server;
	readonly #target: number;
	readonly #links = new Set<{ near: Socket; far: Socket; isSilent: boolean }>();

	private constructor(server: Server, target: string) {
		const { port } = server.address() as { port: number };
		this.url = `http://127.0.0.1:${port}`;
		this.#target = Number(new URL(target).port);
		this.#server = server;
		server.on("connection", (near) => this.#receive(near));
	}

	/** `target`: the gateway's address, on this machine. */
	static async before(target: string): Promise<AccessPoint> {
		const server = createServer();
		await once(server.listen(0, "127.0.0.1"), "listening");
		return new AccessPoint(server, target);
	}

	/** What was on its way is lost, and both sides are told. */
	cut(): void {
		for (const { near, far } of this.#links) {
			near.destroy();
			far.destroy();
		}
	}

	/** Nothing more comes through on the connections that are open, and nobody is told. */
	silence(): void {
		for (const link of this.#links) link.isSilent = true;
	}

	async close(): Promise<void> {
		this.#server.close();
		this.cut();
		await once(this.#server, "close");
	}

	#receive(near: Socket): void {
		near.on("error", () => {});
		if (this.reception === "refuses") return void near.resetAndDestroy();
		if (this.reception === "is a portal") return void near.once("data", () => near.end(portalAnswer));
		const far = dial(this.#target, "127.0.0.1");
		const link = { near, far, isSilent: this.reception === "is silent" };
		this.#links.add(link);
		for (const [from, to] of [
			[near, far],
			[far, near],
		] as const) {
			from.on("data", (bytes) => link.isSilent || to.write(bytes));
			from.on("error", () => {});
			from.on("close", () => {
				to.destroy();
				this.#links.delete(link);
			});
		}
	}
}
