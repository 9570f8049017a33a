import { io, type Socket } from "socket.io-client";
import { ParleyApiError } from "./errors.ts";
import { isTokenRefusal, type Tokens } from "./token.ts";
import type { ErrorBody } from "./types.ts";

export interface GatewaySocketOptions {
	/** The URL of the gateway. */
	url: string;
	tokens: Tokens;
	/** How long the token may take, and after that the acceptance of the connection. */
	timeoutMs: number;
}

export interface GatewaySocketListener {
	connected(socket: GatewaySocket): void;
	/** The connection was refused or lost. No call of the listener follows. */
	ended(socket: GatewaySocket, error: ParleyApiError): void;
	received(socket: GatewaySocket, event: string, payload: unknown, acknowledge: () => void): void;
}

/** How long a gateway may take to answer a probe. It answers within milliseconds, however slow the services behind it are. */
const maxProbeMs = 5_000;

/** A socket to one gateway, from the attempt to connect until `close`. It does not reconnect. */
export class GatewaySocket {
	readonly url: string;
	readonly #options: GatewaySocketOptions;
	readonly #listener: GatewaySocketListener;
	#socket: Socket | undefined;
	#isClosed = false;
	/** Runs until the gateway has accepted the connection. */
	#deadline: ReturnType<typeof setTimeout> | undefined;
	/** Runs until something is received, after `check`. */
	#probe: ReturnType<typeof setTimeout> | undefined;

	constructor(options: GatewaySocketOptions, listener: GatewaySocketListener) {
		this.url = options.url;
		this.#options = options;
		this.#listener = listener;
		this.#open().catch((error: unknown) => this.#end(error instanceof ParleyApiError ? error : network(String(error))));
	}

	get isConnected(): boolean {
		return this.#socket?.connected ?? false;
	}

	/** `answered` gets the arguments of the acknowledgement. It is not called if none comes in time. */
	request(event: string, args: unknown[], timeoutMs: number, answered: (answer: unknown[]) => void): void {
		// Without a timeout socket.io would keep a request that is never acknowledged until the connection ends.
		this.#socket?.timeout(timeoutMs).emit(event, ...args, (error: Error | null, ...answer: unknown[]) => {
			if (error) return;
			this.#endProbe();
			answered(answer);
		});
	}

	/** Sends an event that needs no answer. */
	notify(event: string, payload: object): void {
		if (this.isConnected) this.#socket?.emit(event, payload);
	}

	/**
	 * Probes the gateway, and ends the socket if nothing is received from it in time. The probe calls an action that does not exist:
	 * the gateway refuses it without asking a service or the database.
	 */
	check(): void {
		if (this.#probe !== undefined || !this.isConnected) return;
		const timeoutMs = Math.min(this.#options.timeoutMs, maxProbeMs);
		this.#probe = setTimeout(() => this.#end(network("Nothing was received from the gateway.")), timeoutMs);
		this.request("call", ["ping", {}], timeoutMs, () => {});
	}

	/** Closes the socket. No call of the listener follows. */
	close(): void {
		this.#isClosed = true;
		clearTimeout(this.#deadline);
		clearTimeout(this.#probe);
		this.#socket?.offAny().off().disconnect();
	}

	async #open(): Promise<void> {
		const { url, tokens, timeoutMs } = this.#options;
		const token = await tokens.current(timeoutMs);
		if (this.#isClosed) return;
		// A gateway, or a proxy in its place, may accept the transport and never the connection.
		this.#deadline = setTimeout(() => this.#end(network("The gateway did not accept in time.")), timeoutMs);
		const socket: Socket = io(`${url}/messaging`, {
			forceNew: true,
			reconnection: false,
			timeout: timeoutMs,
			transports: ["websocket", "polling"],
			tryAllTransports: true,
			auth: { token },
		});
		this.#socket = socket;
		socket
			.onAny((event: string, payload: unknown, acknowledge: () => void) => {
				this.#endProbe();
				this.#listener.received(this, event, payload, acknowledge);
			})
			.on("connect", () => {
				clearTimeout(this.#deadline);
				this.#listener.connected(this);
			})
			.on("connect_error", (cause: Error & { data?: ErrorBody }) => {
				const { data } = cause;
				if (data && isTokenRefusal(data)) tokens.refuse(token);
				this.#end(new ParleyApiError(data ?? { code: "NETWORK", message: cause.message }, { cause }));
			})
			.on("disconnect", (reason) => this.#end(network(reason)));
		socket.io.on("ping", () => this.#endProbe());
	}

	#end(error: ParleyApiError): void {
		if (this.#isClosed) return;
		this.close();
		this.#listener.ended(this, error);
	}

	/** Something was received. */
	#endProbe(): void {
		clearTimeout(this.#probe);
		this.#probe = undefined;
	}
}

function network(message: string): ParleyApiError {
	return new ParleyApiError({ code: "NETWORK", message });
}
