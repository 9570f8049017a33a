import { io, type Socket } from "socket.io-client";
import { ParleyApiError } from "./errors.ts";
import { isTokenRefusal, type Tokens } from "./token.ts";
import type { ErrorBody } from "./types.ts";

export interface LineOptions {
	/** Of the gateway. */
	url: string;
	tokens: Tokens;
	/** How long the token may take, and then the gateway until it has accepted. */
	timeoutMs: number;
}

/** Who is told what becomes of a line. */
export interface LineListener {
	accepted(line: Line): void;
	/** It was not accepted, or is lost; nothing more is heard of it. */
	ended(line: Line, error: ParleyApiError): void;
	heard(line: Line, event: string, payload: unknown, acknowledge: () => void): void;
}

/** How long a gateway may take for a sign of life. Itself it needs milliseconds, however slow what lies behind it is. */
const maxProbeMs = 5_000;

/** A socket to one gateway, from the attempt to connect until it is hung up. */
export class Line {
	readonly url: string;
	readonly #options: LineOptions;
	readonly #listener: LineListener;
	#socket: Socket | undefined;
	#isOver = false;
	/** How long the gateway may still take to accept. */
	#deadline: ReturnType<typeof setTimeout> | undefined;
	/** How long it may still take for a sign of life. */
	#probe: ReturnType<typeof setTimeout> | undefined;

	constructor(options: LineOptions, listener: LineListener) {
		this.url = options.url;
		this.#options = options;
		this.#listener = listener;
		this.#open().catch((error: unknown) => this.#end(error instanceof ParleyApiError ? error : network(String(error))));
	}

	get isConnected(): boolean {
		return this.#socket?.connected ?? false;
	}

	/** `answered` gets the arguments of the acknowledgement, unless none comes in time. */
	ask(event: string, args: unknown[], timeoutMs: number, answered: (answer: unknown[]) => void): void {
		// Without a time-out socket.io would keep what is never acknowledged for as long as the connection lives.
		this.#socket?.timeout(timeoutMs).emit(event, ...args, (error: Error | null, ...answer: unknown[]) => {
			if (error) return;
			this.#isAlive();
			answered(answer);
		});
	}

	/** For what needs no answer. */
	tell(event: string, payload: object): void {
		if (this.isConnected) this.#socket?.emit(event, payload);
	}

	/**
	 * Ends the line unless the gateway gives a sign of life. It answers itself that it has no such action, without asking a service
	 * or the database; whatever else is heard from it counts, too.
	 */
	check(): void {
		if (this.#probe !== undefined || !this.isConnected) return;
		const timeoutMs = Math.min(this.#options.timeoutMs, maxProbeMs);
		this.#probe = setTimeout(() => this.#end(network("The connection has gone silent.")), timeoutMs);
		this.ask("call", ["ping", {}], timeoutMs, () => {});
	}

	/** Nothing more is heard from it, not even that it has closed. */
	hangUp(): void {
		this.#isOver = true;
		clearTimeout(this.#deadline);
		clearTimeout(this.#probe);
		this.#socket?.offAny().off().disconnect();
	}

	async #open(): Promise<void> {
		const { url, tokens, timeoutMs } = this.#options;
		const token = await tokens.current(timeoutMs);
		if (this.#isOver) return;
		// A gateway, or what answers in its place, may accept the transport and never the connection.
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
				this.#isAlive();
				this.#listener.heard(this, event, payload, acknowledge);
			})
			.on("connect", () => {
				clearTimeout(this.#deadline);
				this.#listener.accepted(this);
			})
			.on("connect_error", (cause: Error & { data?: ErrorBody }) => {
				const { data } = cause;
				if (data && isTokenRefusal(data)) tokens.refuse(token);
				this.#end(new ParleyApiError(data ?? { code: "NETWORK", message: cause.message }, { cause }));
			})
			.on("disconnect", (reason) => this.#end(network(reason)));
		socket.io.on("ping", () => this.#isAlive());
	}

	#end(error: ParleyApiError): void {
		if (this.#isOver) return;
		this.hangUp();
		this.#listener.ended(this, error);
	}

	#isAlive(): void {
		clearTimeout(this.#probe);
		this.#probe = undefined;
	}
}

function network(message: string): ParleyApiError {
	return new ParleyApiError({ code: "NETWORK", message });
}
