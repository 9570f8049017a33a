import { isIP } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import type { ProviderOptions } from "@parse/node-apn";

/**
 * Opens the connections of node-apn. node-apn itself goes on using a connection on which nothing arrives any more, until the
 * operating system gives up after many minutes, and closing it waits for the other side. With the sockets in our hands, a silent
 * connection is dropped and the next request opens another one.
 */
export class ApnsConnection {
	readonly host: string;
	readonly port: number;
	/** With the time at which each was opened. */
	readonly #sockets = new Map<TLSSocket, number>();

	constructor({ hostname, port }: URL) {
		this.host = hostname;
		this.port = Number(port || 443);
	}

	/** node-apn gives its options to `http2.connect`. Its types do not have this one. */
	get options(): Partial<ProviderOptions> {
		return { createConnection: () => this.#open() } as Partial<ProviderOptions>;
	}

	/** Ends connections. All requests that wait on them fail; the next one opens another connection. */
	async close({ openedBefore = Number.POSITIVE_INFINITY } = {}): Promise<void> {
		const closing = [...this.#sockets].filter(([, openedAt]) => openedAt < openedBefore);
		await Promise.all(closing.map(([socket]) => destroy(socket)));
	}

	#open(): TLSSocket {
		const host = this.host.replace(/^\[(.*)\]$/, "$1");
		const name = isIP(host) ? {} : { servername: host };
		const socket = connect({ host, port: this.port, ALPNProtocols: ["h2"], ...name });
		socket.setKeepAlive(true, keepAliveMs);
		this.#sockets.set(socket, Date.now());
		socket.once("close", () => this.#sockets.delete(socket));
		return socket;
	}
}

/** Resolves when node-apn knows it too. The socket must not have emitted `close` yet. */
function destroy(socket: TLSSocket): Promise<void> {
	return new Promise((resolve) => {
		socket.once("close", () => resolve());
		socket.destroy();
	});
}

const keepAliveMs = 30_000;
