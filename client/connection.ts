import { backoffMs } from "./backoff.ts";
import { closedError, type ParleyApiError } from "./errors.ts";
import { GatewaySocket, type GatewaySocketListener } from "./gateway-socket.ts";
import type { Gateways } from "./gateways.ts";
import { Requests } from "./requests.ts";
import { isTokenRefusal, type Tokens } from "./token.ts";
import type { ServerEvents } from "./types.ts";

export interface ConnectionOptions {
	gateways: Gateways;
	tokens: Tokens;
	/** How long a gateway may take to accept a connection. */
	timeoutMs: number;
	/** The first pause before reconnecting. It grows up to fivefold, and is jittered. */
	reconnectDelayMs: number;
}

export interface RequestOptions {
	/** When the timeout runs: from the request on (the default), or only while the request is with a server. */
	counts?: "always" | "connected";
}

export interface ConnectionListener {
	connected(): void;
	/** The connection reconnects by itself. */
	disconnected(reason: string): void;
	/** The token was not accepted. If that is final, the connection does not reconnect by itself, and requests are rejected. */
	refused(error: ParleyApiError, isFinal: boolean): void;
	received(event: string, payload: unknown, acknowledge: () => void): void;
}

/** The pauses before a token source is asked again, after refused tokens, grow up to this many times the first. */
const maxRefusalFactor = 30;

/**
 * A connection to the service, over a socket to one gateway after another.
 *
 * 1. From `connect` until `close`, or until a token is refused for good, the connection is wanted. If a gateway or the token source
 *    fails meanwhile, it is tried again after a pause. While the connection is not wanted, requests are rejected at once.
 * 2. A request is kept until it is answered, and is sent again over the next socket. All of Parley's requests may be repeated: the
 *    effect is the same.
 * 3. A gateway that is about to stop (`server_draining`) is replaced by the next one after the time that it names. The old socket
 *    stays until the next gateway has accepted, so a push comes over one of the two, or over both.
 * 4. The pauses begin again at the first one when a request was answered, and not when a connection was accepted. So gateways that
 *    accept connections but cannot serve are not tried faster and faster. A request without an answer makes the connection
 *    check whether its gateway is alive.
 */
export class Connection {
	readonly #options: ConnectionOptions;
	readonly #listener: ConnectionListener;
	readonly #requests = new Requests(() => this.check());
	readonly #connectCalls = new Set<PromiseWithResolvers<void>>();
	#socket: GatewaySocket | undefined;
	/** The attempt to connect. Replaces `#socket` when it is accepted. */
	#nextSocket: GatewaySocket | undefined;
	#reconnectTimer: ReturnType<typeof setTimeout> | undefined;
	#isWanted = false;
	/** Failed attempts in a row. */
	#failures = 0;
	/** Refused tokens in a row. */
	#refusals = 0;

	constructor(options: ConnectionOptions, listener: ConnectionListener) {
		this.#options = options;
		this.#listener = listener;
	}

	get isConnected(): boolean {
		return this.#socket?.isConnected ?? false;
	}

	get isWanted(): boolean {
		return this.#isWanted;
	}

	/** Resolves when connected; rejects at the first failure. Unless that is final, the connection keeps trying until `close`. */
	connect(): Promise<void> {
		if (this.isConnected) return Promise.resolve();
		this.#isWanted = true;
		const call = Promise.withResolvers<void>();
		this.#connectCalls.add(call);
		this.#openSocket();
		return call.promise;
	}

	/** Rejects requests without an answer: it is not known whether they were carried out. */
	close(): void {
		const wasConnected = this.isConnected;
		this.#stop(closedError());
		if (wasConnected) this.#listener.disconnected("io client disconnect");
	}

	/** Checks whether the gateway is alive, and reconnects if it is not. */
	check(): void {
		this.#socket?.check();
	}

	/** Resolves with the arguments of the acknowledgement; rejects when there is none within `timeoutMs`. */
	request(event: string, args: unknown[], timeoutMs: number, { counts = "always" }: RequestOptions = {}): Promise<unknown[]> {
		if (!this.#isWanted) return Promise.reject(closedError());
		return this.#requests.add({ event, args, timeoutMs, counts }, this.isConnected ? this.#socket : undefined);
	}

	/** Sends an event that matters on this socket only, without an answer. If it fails, the server sends `error`. */
	notify(event: string, payload: object): void {
		this.#socket?.notify(event, payload);
	}

	#openSocket(): void {
		clearTimeout(this.#reconnectTimer);
		this.#reconnectTimer = undefined;
		if (this.#nextSocket || !this.#isWanted) return;
		const { gateways, tokens, timeoutMs } = this.#options;
		this.#nextSocket = new GatewaySocket({ url: gateways.current, tokens, timeoutMs }, this.#socketListener);
	}

	readonly #socketListener: GatewaySocketListener = {
		connected: (socket) => this.#onConnected(socket),
		ended: (socket, error) => (socket === this.#socket ? this.#onLost(socket, error) : this.#onFailed(socket, error)),
		received: (socket, event, payload, acknowledge) => {
			if (event === "server_draining") this.#onDraining(socket, payload as ServerEvents["server_draining"]);
			this.#listener.received(event, payload, acknowledge);
		},
	};

	#onConnected(socket: GatewaySocket): void {
		clearTimeout(this.#reconnectTimer);
		this.#reconnectTimer = undefined;
		this.#socket?.close();
		this.#socket = socket;
		this.#nextSocket = undefined;
		this.#refusals = 0;
		this.#requests.transmitAll(socket, () => {
			this.#failures = 0;
		});
		this.#listener.connected();
		for (const { resolve } of this.#connectCalls) resolve();
		this.#connectCalls.clear();
	}

	/** An attempt to connect has failed. */
	#onFailed(socket: GatewaySocket, error: ParleyApiError): void {
		this.#nextSocket = undefined;
		if (isTokenRefusal(error) || error.code === "FORBIDDEN") this.#onRefused(socket, error);
		else {
			this.#reconnect(socket, Math.max(this.#nextPauseMs(), retryAfterMs(error)));
			this.#rejectConnectCalls(error);
		}
	}

	/** A fixed token will not be accepted later. It is not final while the old gateway, which is draining, still serves. */
	#onRefused(socket: GatewaySocket, error: ParleyApiError): void {
		const isPermanent = this.#options.tokens.isFixed || error.code === "FORBIDDEN";
		const isFinal = isPermanent && !this.isConnected;
		if (isFinal) this.#stop(error);
		else if (!isPermanent) {
			this.#reconnect(socket, backoffMs(this.#options.reconnectDelayMs, this.#refusals++, maxRefusalFactor));
			this.#rejectConnectCalls(error);
		}
		this.#listener.refused(error, isFinal);
	}

	/** The socket was disconnected. */
	#onLost(socket: GatewaySocket, error: ParleyApiError): void {
		this.#socket = undefined;
		this.#requests.pause();
		this.#listener.disconnected(error.message);
		if (!this.#nextSocket && this.#reconnectTimer === undefined) this.#reconnect(socket, this.#nextPauseMs());
	}

	#onDraining(socket: GatewaySocket, draining: ServerEvents["server_draining"]): void {
		if (socket === this.#socket) this.#reconnect(socket, draining.reconnectAfterMs);
	}

	#reconnect(failed: GatewaySocket, afterMs: number): void {
		// If the token failed, the address is not the cause, but another one is as good.
		this.#options.gateways.moveOn(failed.url);
		clearTimeout(this.#reconnectTimer);
		this.#reconnectTimer = setTimeout(() => this.#openSocket(), afterMs);
	}

	#nextPauseMs(): number {
		return backoffMs(this.#options.reconnectDelayMs, this.#failures++);
	}

	#stop(error: ParleyApiError): void {
		this.#isWanted = false;
		clearTimeout(this.#reconnectTimer);
		this.#reconnectTimer = undefined;
		this.#nextSocket?.close();
		this.#socket?.close();
		this.#nextSocket = undefined;
		this.#socket = undefined;
		this.#rejectConnectCalls(error);
		this.#requests.rejectAll(error);
	}

	#rejectConnectCalls(error: ParleyApiError): void {
		for (const { reject } of this.#connectCalls) reject(error);
		this.#connectCalls.clear();
	}
}

/** The pause that the server asks for, above a rate limit. */
function retryAfterMs({ details }: ParleyApiError): number {
	const { retryAfterSeconds } = (details ?? {}) as { retryAfterSeconds?: unknown };
	return typeof retryAfterSeconds === "number" ? retryAfterSeconds * 1_000 : 0;
}
