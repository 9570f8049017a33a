import { once } from "node:events";
import { createServer, connect as dial, type Server, type Socket } from "node:net";

/** An answer of which the asker never hears. */
export interface Swallowed {
	/** Of what is asked: bytes that are in it, such as the name of a statement. */
	request: string;
	/** Whether the answer is complete, by its last bytes: then the other side has done what it was asked. */
	isComplete(tail: Buffer): boolean;
}

/** PostgreSQL answers so when a statement is done and, where it is not in a transaction, committed. */
const readyForQuery = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);

/** Of a statement that has this in its name or text, once it is committed. */
export const committed = (statement: string): Swallowed => ({
	request: statement,
	isComplete: (tail) => tail.subarray(-readyForQuery.length).equals(readyForQuery),
});

/** Of whatever is asked, with the first bytes that come. */
export const anyAnswer: Swallowed = { request: "", isComplete: () => true };

type Mode =
	| { name: "pass" }
	| { name: "down" }
	| { name: "black hole"; newToo: boolean }
	| { name: "slow"; latencyMs: number; bytesPerSecond: number }
	| { name: "swallow"; answers: Swallowed; until: number };

/** A server's address with a network before it that a test can break. It passes everything on until it is told otherwise. */
export class TcpProxy {
	/** The server's URL, by way of the proxy. */
	readonly url: string;
	/** How many answers were swallowed. */
	swallowed = 0;
	readonly #server: Server;
	readonly #target: { host: string; port: number };
	readonly #links = new Set<Link>();
	#mode: Mode = { name: "pass" };

	private constructor(server: Server, url: string, defaultPort: number) {
		const { port: own } = server.address() as { port: number };
		const target = new URL(url);
		this.#target = { host: target.hostname, port: Number(target.port || defaultPort) };
		target.hostname = "127.0.0.1";
		target.port = String(own);
		this.url = target.href.replace(/\/$/, "");
		this.#server = server;
		server.on("connection", (near) => this.#link(near));
	}

	static async before(url: string, defaultPort = 0): Promise<TcpProxy> {
		const server = createServer({ allowHalfOpen: true });
		await once(server.listen(0, "127.0.0.1"), "listening");
		return new TcpProxy(server, url, defaultPort);
	}

	/** How many connections are open. */
	get connections(): number {
		return this.#links.size;
	}

	/** Mends it. Connections that went into a black hole stay there. */
	pass(): void {
		this.#mode = { name: "pass" };
	}

	/**
	 * From now on nothing comes through on the connections that are open, for good, and nobody is told; with `newToo` nor on those
	 * that are opened until it is mended.
	 */
	blackHole({ newToo = false } = {}): void {
		this.#mode = { name: "black hole", newToo };
		for (const link of this.#links) link.isCut = true;
	}

	/** The server seems to be away: every connection is reset, also each that is opened until it is mended. */
	down(): void {
		this.#mode = { name: "down" };
		this.reset();
	}

	/** Resets every connection that is open. */
	reset(): void {
		for (const link of this.#links) link.reset();
	}

	slow({ latencyMs = 0, bytesPerSecond = Number.POSITIVE_INFINITY }): void {
		this.#mode = { name: "slow", latencyMs, bytesPerSecond };
	}

	/** Answers of this kind never arrive, or so many of them: once the server has given one, its connection is reset. */
	swallow(answers: Swallowed, times = Number.POSITIVE_INFINITY): void {
		this.#mode = { name: "swallow", answers, until: this.swallowed + times };
	}

	async close(): Promise<void> {
		for (const link of this.#links) link.reset();
		this.#server.close();
		await once(this.#server, "close");
	}

	#link(near: Socket): void {
		near.on("error", () => {});
		if (this.#mode.name === "down") return void near.resetAndDestroy();
		const link = new Link(near, dial({ ...this.#target, allowHalfOpen: true }), () => this.#links.delete(link));
		this.#links.add(link);
		link.isCut = this.#mode.name === "black hole" && this.#mode.newToo;
		link.near.on("data", (bytes) => this.#carry(link, "up", bytes));
		link.far.on("data", (bytes) => this.#carry(link, "down", bytes));
	}

	#carry(link: Link, direction: Direction, bytes: Buffer): void {
		const mode = this.#mode;
		if (link.isCut) return;
		if (mode.name === "swallow" && this.#isSwallowed(link, direction, bytes, mode)) return;
		const waitMs = mode.name === "slow" ? mode.latencyMs + (bytes.length / mode.bytesPerSecond) * 1_000 : 0;
		link.pass(direction, bytes, waitMs);
	}

	#isSwallowed(link: Link, direction: Direction, bytes: Buffer, mode: Extract<Mode, { name: "swallow" }>): boolean {
		const { request, isComplete } = mode.answers;
		if (direction === "up") {
			if (bytes.includes(request)) link.swallowing ??= Buffer.alloc(0);
			return false;
		}
		if (link.swallowing === undefined) return false;
		link.swallowing = Buffer.concat([link.swallowing, bytes]).subarray(-64);
		if (isComplete(link.swallowing)) {
			this.swallowed++;
			link.reset();
			if (this.swallowed === mode.until) this.pass();
		}
		return true;
	}
}

type Direction = "up" | "down";

/** A connection through the proxy. */
class Link {
	readonly near: Socket;
	readonly far: Socket;
	/** Its bytes vanish. */
	isCut = false;
	/** The last bytes of the answer that is being swallowed. */
	swallowing: Buffer | undefined;

	constructor(near: Socket, far: Socket, onClosed: () => void) {
		this.near = near.setNoDelay();
		this.far = far.setNoDelay();
		for (const [socket, other] of [
			[near, far],
			[far, near],
		] as const) {
			// What broke closes: the other end is told there.
			socket.on("error", () => {});
			socket.on("end", () => (this.isCut ? socket : other).end());
			socket.on("close", () => {
				if (!this.isCut) other.destroy();
				if (near.destroyed && far.destroyed) onClosed();
			});
		}
	}

	/** Nothing more is read from that side until this is written, so that nothing overtakes it. */
	pass(direction: Direction, bytes: Buffer, waitMs: number): void {
		const [from, to] = direction === "up" ? [this.near, this.far] : [this.far, this.near];
		from.pause();
		const write = () => {
			if (this.isCut || to.destroyed || to.write(bytes)) from.resume();
			else to.once("drain", () => from.resume());
		};
		if (waitMs === 0) write();
		else setTimeout(write, waitMs);
	}

	reset(): void {
		this.isCut = false;
		this.near.resetAndDestroy();
		this.far.resetAndDestroy();
	}
}
