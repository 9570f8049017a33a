import { ParleyApiError } from "./errors.ts";
import type { Line } from "./line.ts";

/** What is asked. */
export interface Question {
	event: string;
	args: unknown[];
	timeoutMs: number;
	/** When the time for an answer passes: from the request on, or only while the request is with a server. */
	counts: "always" | "connected";
}

/** Requests that have no answer yet. They outlast a connection. */
export class Requests {
	readonly #open = new Set<Request>();
	readonly #unanswered: () => void;
	#answered: () => void = () => {};

	/** `unanswered` is told that a request had no answer in time. */
	constructor(unanswered: () => void) {
		this.#unanswered = unanswered;
	}

	/** Goes out over the line, if there is one, or else over the next one. */
	add(question: Question, line: Line | undefined): Promise<unknown[]> {
		return new Promise((resolve, reject) => {
			const settle = () => {
				clearTimeout(request.timer);
				return this.#open.delete(request);
			};
			const request: Request = {
				...question,
				timer: undefined,
				resolve: (answer) => settle() && resolve(answer),
				reject: (error) => settle() && reject(error),
			};
			this.#open.add(request);
			if (request.counts === "always") this.#startTimer(request);
			if (line) this.#transmit(request, line);
		});
	}

	/** All of them go out over a new line. `answered` is told of every answer that comes from now on. */
	transmit(line: Line, answered: () => void): void {
		this.#answered = answered;
		for (const request of this.#open) this.#transmit(request, line);
	}

	/** There is no line for the time being. */
	pause(): void {
		for (const { counts, timer } of this.#open) if (counts === "connected") clearTimeout(timer);
	}

	rejectAll(error: ParleyApiError): void {
		for (const request of this.#open) request.reject(error);
	}

	#transmit(request: Request, line: Line): void {
		if (request.counts === "connected") this.#startTimer(request);
		line.ask(request.event, request.args, request.timeoutMs, (answer) => {
			this.#answered();
			request.resolve(answer);
		});
	}

	#startTimer(request: Request): void {
		clearTimeout(request.timer);
		request.timer = setTimeout(() => {
			request.reject(new ParleyApiError({ code: "NETWORK", message: "No answer from the server." }));
			this.#unanswered();
		}, request.timeoutMs);
	}
}

interface Request extends Question {
	timer: ReturnType<typeof setTimeout> | undefined;
	resolve(answer: unknown[]): void;
	reject(error: ParleyApiError): void;
}
