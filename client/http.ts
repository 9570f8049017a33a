import { isPassing, ParleyApiError } from "./errors.ts";
import type { Gateways } from "./gateways.ts";
import { currentToken, type TokenSource } from "./token.ts";
import type { ErrorBody } from "./types.ts";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface HttpRequest {
	method: Method;
	path: string;
	query?: Record<string, string | number | undefined>;
	/** Sent as JSON. */
	body?: object;
	/** Whether it may be carried out twice without harm. By default GET and PUT may. */
	repeats?: boolean;
	/** The pauses before the attempts after the first. */
	pausesMs?: readonly number[];
	/** How long an attempt may take. */
	timeoutMs?: number;
}

const defaultPausesMs = [100, 1_000];

/** Longer than the server takes with a request at the most. */
const defaultTimeoutMs = 10_000;

/** Requests with a token to the gateway in use. */
export class Http {
	readonly #gateways: Gateways;
	readonly #token: TokenSource;

	constructor(gateways: Gateways, token: TokenSource) {
		this.#gateways = gateways;
		this.#token = token;
	}

	/** The JSON of the answer. Throws `ParleyApiError`. */
	request<Result>(request: HttpRequest): Promise<Result> {
		const { method, repeats = method === "GET" || method === "PUT", pausesMs } = request;
		return repeatedly(() => this.#attempt(request), repeats ? pausesMs : []);
	}

	async #attempt<Result>(request: HttpRequest): Promise<Result> {
		const { current } = this.#gateways;
		const { method, path, query, body, timeoutMs = defaultTimeoutMs } = request;
		const headers: Record<string, string> = { authorization: `Bearer ${await currentToken(this.#token)}` };
		if (body) headers["content-type"] = "application/json";
		const signal = AbortSignal.timeout(timeoutMs);
		const init = { method, headers, body: body ? JSON.stringify(body) : null, signal };
		try {
			const text = await answer(current + path + queryString(query), init);
			return (text === "" ? undefined : JSON.parse(text)) as Result;
		} catch (error) {
			// Another gateway may reach what this one does not.
			if (isPassing(error)) this.#gateways.moveOn();
			throw error;
		}
	}
}

/**
 * Tries again after each of the pauses, as long as no answer came or the server is not available. (After a change of network,
 * connections that were kept open break first.)
 */
export async function repeatedly<Result>(
	attempt: () => Promise<Result>,
	[pauseMs, ...laterPausesMs]: readonly number[] = defaultPausesMs,
): Promise<Result> {
	try {
		return await attempt();
	} catch (error) {
		if (pauseMs === undefined || !isPassing(error)) throw error;
		await new Promise((resolve) => setTimeout(resolve, pauseMs * (0.5 + Math.random())));
		return repeatedly(attempt, laterPausesMs);
	}
}

/** The body of a good answer. */
async function answer(url: string, init: RequestInit): Promise<string> {
	let response: Response;
	let text: string;
	try {
		response = await fetch(url, init);
		text = await response.text();
	} catch (cause) {
		throw new ParleyApiError({ code: "NETWORK", message: `No answer from ${new URL(url).origin}.` }, { cause });
	}
	if (!response.ok) throw refusal(response, text);
	return text;
}

function queryString(query: HttpRequest["query"] = {}): string {
	const given = new URLSearchParams();
	for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, String(value));
	return given.size === 0 ? "" : `?${given}`;
}

/** 502 and 504 are a load balancer's own, when a gateway went away or was silent. */
const unavailable = new Set([502, 503, 504]);

/** A proxy on the way may answer something else than Parley's envelope. */
function refusal(response: Response, text: string): ParleyApiError {
	const { status } = response;
	const requestId = response.headers.get("x-request-id");
	let error: ErrorBody = { code: unavailable.has(status) ? "UNAVAILABLE" : "INTERNAL", message: `HTTP ${status}` };
	try {
		error = (JSON.parse(text) as { error?: ErrorBody }).error ?? error;
	} catch {}
	return new ParleyApiError({ ...error, status, ...(requestId !== null && { requestId }) });
}
