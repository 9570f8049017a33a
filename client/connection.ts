import { backoffMs } from "./backoff.ts";
import { closedError, type ParleyApiError } from "./errors.ts";
import type { Gateways } from "./gateways.ts";
import { Line, type LineListener } from "./line.ts";
import { Requests } from "./requests.ts";
import { isTokenRefusal, type Tokens } from "./token.ts";
import type { ServerEvents } from "./types.ts";

export interface ConnectionOptions {
	gateways: Gateways;
	tokens: Tokens;
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
	/** The token was not accepted. If that is final, it does not connect again by itself, and requests are rejected. */
	refused(error: ParleyApiError, isFinal: boolean): void;
	heard(event: string, payload: unknown, acknowledge: () => void): void;
}

/** A token source that goes on giving tokens that are refused is asked after pauses up to so many times the first. */
const maxRefusalFactor = 30;

/**
 * A connection to one gateway after another.
 *
 * 1. From `connect` until `close`, or until a token is refused for good, it is wanted. Whatever fails meanwhile, a gateway or the
 *    token source, is tried again after a pause. While it is not wanted, requests are rejected at once.
 * 2. A request is kept until it is answered, and goes out again over the next connection. All of Parley's bear that: what they
 *    do, they do once.
 * 3. A gateway that is about to leave (`server_draining`) is left for the next one after the time that it says, and only when
 *    that one has accepted: what is pushed in between comes over one of the two, or over both.
 * 4. The pauses begin anew when a request was answered, not when a connection was accepted: gateways that accept and cannot
 *    serve are not tried ever faster. A request without an answer makes it look whether the connection is alive.
 */
export class Connection {
	readonly #options: ConnectionOptions;
	readonly #listener: ConnectionListener;
	readonly #requests = new Requests(() => this.check());
	readonly #waiting = new Set<PromiseWithResolvers<void>>();
	#line: Line | undefined;
	/** Takes the place of `#line` as soon as it is accepted. */
	#successor: Line | undefined;
	#redialing: ReturnType<typeof setTimeout> | undefined;
	#isWanted = false;
	/** In a row. */
	#failures = 0;
	#refusals = 0;

	constructor(options: ConnectionOptions, listener: ConnectionListener) {
		this.#options = options;
		this.#listener = listener;
	}

	get isConnected(): boolean {
		return this.#line?.isConnected ?? false;
	}

	get isWanted(): boolean {
		return this.#isWanted;
	}

	/** Resolves when connected; rejects at the first failure. Unless that was final, it goes on trying until `close`. */
	connect(): Promise<void> {
		if (this.isConnected) return Promise.resolve();
		this.#isWanted = true;
		const waiting = Promise.withResolvers<void>();
		this.#waiting.add(waiting);
		this.#dial();
		return waiting.promise;
	}

	/** Requests without an answer are rejected: whether they were carried out is not known. */
	close(): void {
		const wasConnected = this.isConnected;
		this.#giveUp(closedError());
		if (wasConnected) this.#listener.disconnected("io client disconnect");
	}

	/** Looks whether the connection is alive, and connects anew if it is not. */
	check(): void {
		this.#line?.check();
	}

	/** Resolves with the arguments of the acknowledgement; rejects when there is none within `timeoutMs`. */
	request(event: string, args: unknown[], timeoutMs: number, { counts = "always" }: RequestOptions = {}): Promise<unknown[]> {
		if (!this.#isWanted) return Promise.reject(closedError());
		return this.#requests.add({ event, args, timeoutMs, counts }, this.isConnected ? this.#line : undefined);
	}

	/** For what only counts on this connection. Should it fail, the server says `error`. */
	tell(event: string, payload: object): void {
		this.#line?.tell(event, payload);
	}

	#dial(): void {
		clearTimeout(this.#redialing);
		this.#redialing = undefined;
		if (this.#successor || !this.#isWanted) return;
		const { gateways, tokens, timeoutMs } = this.#options;
		this.#successor = new Line({ url: gateways.current, tokens, timeoutMs }, this.#onLine);
	}

	readonly #onLine: LineListener = {
		accepted: (line) => this.#adopt(line),
		ended: (line, error) => (line === this.#line ? this.#lose(line, error) : this.#miss(line, error)),
		heard: (line, event, payload, acknowledge) => {
			if (event === "server_draining") this.#leaveFor(line, payload as ServerEvents["server_draining"]);
			this.#listener.heard(event, payload, acknowledge);
		},
	};

	#adopt(line: Line): void {
		clearTimeout(this.#redialing);
		this.#redialing = undefined;
		this.#line?.hangUp();
		this.#line = line;
		this.#successor = undefined;
		this.#refusals = 0;
		this.#requests.transmit(line, () => {
			this.#failures = 0;
		});
		this.#listener.connected();
		for (const { resolve } of this.#waiting) resolve();
		this.#waiting.clear();
	}

	/** An attempt to connect has failed. */
	#miss(line: Line, error: ParleyApiError): void {
		this.#successor = undefined;
		if (isTokenRefusal(error) || error.code === "FORBIDDEN") this.#refuse(line, error);
		else {
			this.#redial(line, Math.max(this.#nextPauseMs(), retryAfterMs(error)));
			this.#rejectWaiting(error);
		}
	}

	/** A token that is fixed will not be accepted later. While a gateway that is draining still serves, none is needed yet. */
	#refuse(line: Line, error: ParleyApiError): void {
		const isLastWord = this.#options.tokens.isFixed || error.code === "FORBIDDEN";
		const isFinal = isLastWord && !this.isConnected;
		if (isFinal) this.#giveUp(error);
		else if (!isLastWord) {
			this.#redial(line, backoffMs(this.#options.reconnectDelayMs, this.#refusals++, maxRefusalFactor));
			this.#rejectWaiting(error);
		}
		this.#listener.refused(error, isFinal);
	}

	/** The connection is gone. */
	#lose(line: Line, error: ParleyApiError): void {
		this.#line = undefined;
		this.#requests.pause();
		this.#listener.disconnected(error.message);
		if (!this.#successor && this.#redialing === undefined) this.#redial(line, this.#nextPauseMs());
	}

	#leaveFor(line: Line, draining: ServerEvents["server_draining"]): void {
		if (line === this.#line) this.#redial(line, draining.reconnectAfterMs);
	}

	#redial(failed: Line, afterMs: number): void {
		// Where the token failed it was not the fault of the address, but then another one is as good.
		this.#options.gateways.moveOn(failed.url);
		clearTimeout(this.#redialing);
		this.#redialing = setTimeout(() => this.#dial(), afterMs);
	}

	#nextPauseMs(): number {
		return backoffMs(this.#options.reconnectDelayMs, this.#failures++);
	}

	#giveUp(error: ParleyApiError): void {
		this.#isWanted = false;
		clearTimeout(this.#redialing);
		this.#redialing = undefined;
		this.#successor?.hangUp();
		this.#line?.hangUp();
		this.#successor = undefined;
		this.#line = undefined;
		this.#rejectWaiting(error);
		this.#requests.rejectAll(error);
	}

	#rejectWaiting(error: ParleyApiError): void {
		for (const { reject } of this.#waiting) reject(error);
		this.#waiting.clear();
	}
}

/** Above a limit the server says when to come again. */
function retryAfterMs({ details }: ParleyApiError): number {
	const { retryAfterSeconds } = (details ?? {}) as { retryAfterSeconds?: unknown };
	return typeof retryAfterSeconds === "number" ? retryAfterSeconds * 1_000 : 0;
}
