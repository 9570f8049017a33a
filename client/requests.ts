import { ParleyApiError } from "./errors.ts";
import type { GatewaySocket } from "./gateway-socket.ts";

export interface Request {
	event: string;
	args: unknown[];
	timeoutMs: number;
	/** When the timeout runs: from the request on, or only while the request is with a server. */
	counts: "always" | "connected";
}

/** The requests without an answer. They are kept when a connection is lost. */
export class Requests {
	readonly #open = new Set<PendingRequest>();
	readonly #timedOut: () => void;
	#answered: () => void = () => {};

	/** `timedOut` is called when a request had no answer in time. */
	constructor(timedOut: () => void) {
		this.#timedOut = timedOut;
	}

	/** Sends the request over the socket if there is one, else over the next one. */
	add(request: Request, socket: GatewaySocket | undefined): Promise<unknown[]> {
		return new Promise((resolve, reject) => {
			const settle = () => {
				clearTimeout(pending.timer);
				return this.#open.delete(pending);
			};
			const pending: PendingRequest = {
				...request,
				timer: undefined,
				resolve: (answer) => settle() && resolve(answer),
				reject: (error) => settle() && reject(error),
			};
			this.#open.add(pending);
			if (pending.counts === "always") this.#startTimer(pending);
			if (socket) this.#transmit(pending, socket);
		});
	}

	/** Sends all of them over a new socket. `answered` is called for every answer from now on. */
	transmitAll(socket: GatewaySocket, answered: () => void): void {
		this.#answered = answered;
		for (const request of this.#open) this.#transmit(request, socket);
	}

	/** To be called when there is no connection. */
	pause(): void {
		for (const { counts, timer } of this.#open) if (counts === "connected") clearTimeout(timer);
	}

	rejectAll(error: ParleyApiError): void {
		for (const request of this.#open) request.reject(error);
	}

	#transmit(request: PendingRequest, socket: GatewaySocket): void {
		if (request.counts === "connected") this.#startTimer(request);
		socket.request(request.event, request.args, request.timeoutMs, (answer) => {
			this.#answered();
			request.resolve(answer);
		});
	}

	#startTimer(request: PendingRequest): void {
		clearTimeout(request.timer);
		request.timer = setTimeout(() => {
			request.reject(new ParleyApiError({ code: "NETWORK", message: "No answer from the server." }));
			this.#timedOut();
		}, request.timeoutMs);
	}
}

interface PendingRequest extends Request {
	timer: ReturnType<typeof setTimeout> | undefined;
	resolve(answer: unknown[]): void;
	reject(error: ParleyApiError): void;
}
