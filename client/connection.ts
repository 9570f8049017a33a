import { io, type Socket } from "socket.io-client";
import { backoffMs } from "./backoff.ts";
import { ParleyApiError } from "./errors.ts";
import type { Gateways } from "./gateways.ts";
import { currentToken, type TokenSource } from "./token.ts";
import type { ErrorBody, ServerEvents } from "./types.ts";

export interface ConnectionOptions {
	gateways: Gateways;
	token: TokenSource;
	/** How long a gateway may take to accept a connection. */
	timeoutMs: number;
	/** The first pause before connecting again; it grows up to fivefold, and is jittered. */
	reconnectDelayMs: number;
}

export interface RequestOptions {
	/** When the time for an answer passes: from the request on (the default), or only while the request is with a server. */
	counts?: "always" | "connected";
}

/** Who is told what happens on a connection. */
export interface ConnectionListener {
	connected(): void;
	/** It connects again by itself. */
	disconnected(reason: string): void;
	/** The token was not accepted; it does not connect again by itself. */
	refused(error: ErrorBody): void;
	heard(event: string, payload: unknown, acknowledge: () => void): void;
}

/**
 * A connection to one gateway after another.
 *
 * 1. A request is kept until it is answered, and goes out again over the next connection. All of Parley's bear that: what they
 *    do, they do once.
 * 2. A gateway that is about to leave (`server_draining`) is left for the next one after the time that it says, and only when
 *    that one has accepted: what is pushed in between comes over one of the two, or over both.
 */
export class Connection {
	readonly #options: ConnectionOptions;
	readonly #listener: ConnectionListener;
	readonly #requests = new Set<Request>();
	readonly #waiting = new Set<PromiseWithResolvers<void>>();
	#socket: Socket | undefined;
	/** Takes the place of `#socket` as soon as it is accepted. */
	#successor: Socket | undefined;
	#redialing: ReturnType<typeof setTimeout> | undefined;
	#failures = 0;

	constructor(options: ConnectionOptions, listener: ConnectionListener) {
		this.#options = options;
		this.#listener = listener;
	}

	get isConnected(): boolean {
		return this.#socket?.connected ?? false;
	}

	/** Resolves when connected; rejects at the first failure. If that was the network, it goes on trying until `close`. */
	connect(): Promise<void> {
		if (this.isConnected) return Promise.resolve();
		const waiting = Promise.withResolvers<void>();
		this.#waiting.add(waiting);
		this.#dial();
		return waiting.promise;
	}

	/** Requests without an answer are rejected: whether they were carried out is not known. */
	close(): void {
		const wasConnected = this.isConnected;
		clearTimeout(this.#redialing);
		this.#redialing = undefined;
		hangUp(this.#successor);
		hangUp(this.#socket);
		this.#successor = undefined;
		this.#socket = undefined;
		const error = new ParleyApiError({ code: "NETWORK", message: "Closed before an answer came." });
		this.#giveUp(error);
		for (const request of this.#requests) request.reject(error);
		if (wasConnected) this.#listener.disconnected("io client disconnect");
	}

	/** Resolves with the arguments of the acknowledgement; rejects when there is none within `timeoutMs`. */
	request(event: string, args: unknown[], timeoutMs: number, { counts = "always" }: RequestOptions = {}): Promise<unknown[]> {
		return new Promise((resolve, reject) => {
			const settle = () => {
				clearTimeout(request.timer);
				return this.#requests.delete(request);
			};
			const request: Request = {
				event,
				args,
				timeoutMs,
				counts,
				timer: undefined,
				resolve: (answer) => settle() && resolve(answer),
				reject: (error) => settle() && reject(error),
			};
			this.#requests.add(request);
			if (counts === "always") startTimer(request);
			if (this.isConnected) this.#transmit(request);
		});
	}

	/** For what only counts on this connection. Should it fail, the server says `error`. */
	tell(event: string, payload: object): void {
		if (this.isConnected) this.#socket?.emit(event, payload);
	}

	#dial(): void {
		clearTimeout(this.#redialing);
		this.#redialing = undefined;
		if (this.#successor) return;
		const { gateways, token, timeoutMs } = this.#options;
		const socket: Socket = io(`${gateways.current}/messaging`, {
			forceNew: true,
			reconnection: false,
			timeout: timeoutMs,
			transports: ["websocket", "polling"],
			tryAllTransports: true,
			// Without a token the server refuses the connection, which is how a failed token source becomes known.
			auth: (give) =>
				void currentToken(token).then(
					(current) => give({ token: current }),
					() => give({ token: "" }),
				),
		});
		this.#successor = socket;
		socket
			.onAny((event: string, payload: unknown, acknowledge: () => void) => this.#hear(event, payload, acknowledge))
			.on("connect", () => this.#adopt(socket))
			.on("connect_error", (error) => this.#miss(error))
			.on("disconnect", (reason) => (socket === this.#socket ? this.#lose(reason) : this.#miss(new Error(reason))));
	}

	#adopt(socket: Socket): void {
		clearTimeout(this.#redialing);
		this.#redialing = undefined;
		hangUp(this.#socket);
		this.#socket = socket;
		this.#successor = undefined;
		this.#failures = 0;
		for (const request of this.#requests) this.#transmit(request);
		this.#listener.connected();
		for (const { resolve } of this.#waiting) resolve();
		this.#waiting.clear();
	}

	#miss(error: Error & { data?: ErrorBody }): void {
		hangUp(this.#successor);
		this.#successor = undefined;
		if (error.data && isFinal(error.data)) this.#listener.refused(error.data);
		else this.#redial();
		this.#giveUp(new ParleyApiError(error.data ?? { code: "NETWORK", message: error.message }, { cause: error }));
	}

	#lose(reason: string): void {
		for (const { counts, timer } of this.#requests) if (counts === "connected") clearTimeout(timer);
		this.#listener.disconnected(reason);
		if (!this.#successor && this.#redialing === undefined) this.#redial();
	}

	#hear(event: string, payload: unknown, acknowledge: () => void): void {
		if (event === "server_draining") this.#redial((payload as ServerEvents["server_draining"]).reconnectAfterMs);
		this.#listener.heard(event, payload, acknowledge);
	}

	#redial(afterMs = backoffMs(this.#options.reconnectDelayMs, this.#failures++)): void {
		this.#options.gateways.moveOn();
		clearTimeout(this.#redialing);
		this.#redialing = setTimeout(() => this.#dial(), afterMs);
	}

	#transmit(request: Request): void {
		const { event, args, resolve } = request;
		if (request.counts === "connected") startTimer(request);
		this.#socket?.emit(event, ...args, (...answer: unknown[]) => resolve(answer));
	}

	#giveUp(error: ParleyApiError): void {
		for (const { reject } of this.#waiting) reject(error);
		this.#waiting.clear();
	}
}

interface Request {
	event: string;
	args: unknown[];
	timeoutMs: number;
	counts: "always" | "connected";
	timer: ReturnType<typeof setTimeout> | undefined;
	resolve(answer: unknown[]): void;
	reject(error: ParleyApiError): void;
}

/** Nothing more is heard from it, not even that it has closed. */
function hangUp(socket: Socket | undefined): void {
	socket?.offAny().off().disconnect();
}

function isFinal({ code }: ErrorBody): boolean {
	return code === "UNAUTHENTICATED" || code === "TOKEN_EXPIRED" || code === "FORBIDDEN";
}

function startTimer(request: Request): void {
	clearTimeout(request.timer);
	const noAnswer = () => request.reject(new ParleyApiError({ code: "NETWORK", message: "No answer from the server." }));
	request.timer = setTimeout(noAnswer, request.timeoutMs);
}
