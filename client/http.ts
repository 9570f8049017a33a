import { type ErrorFields, isPassing, ParleyApiError } from "./errors.ts";
import type { Gateways } from "./gateways.ts";
import { isTokenRefusal, type Tokens } from "./token.ts";
import type { ErrorBody } from "./types.ts";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface HttpRequest {
	method: Method;
	path: string;
	query?: Record<string, string | number | undefined>;
	/** Sent as JSON. */
	body?: object;
	/** Whether the request may be repeated: carrying it out twice has the same effect. Default: true for GET and PUT. */
	repeats?: boolean;
	/** The pauses before the second and later attempts. */
	pausesMs?: readonly number[];
	/** How long an attempt may take. */
	timeoutMs?: number;
}

const defaultPausesMs = [100, 1_000];

/** Longer than the server's own limit for a request. */
const defaultTimeoutMs = 10_000;

/** Sends requests with a token to the gateway in use. */
export class Http {
	readonly #gateways: Gateways;
	readonly #tokens: Tokens;
	readonly #timeoutMs: number;

	/** `timeoutMs`: how long an attempt may take, unless the request says otherwise. */
	constructor(gateways: Gateways, tokens: Tokens, timeoutMs = defaultTimeoutMs) {
		this.#gateways = gateways;
		this.#tokens = tokens;
		this.#timeoutMs = timeoutMs;
	}

	/** Resolves with the JSON of the answer. Throws `ParleyApiError`. */
	request<Result>(request: HttpRequest): Promise<Result> {
		const { method, repeats = method === "GET" || method === "PUT", pausesMs } = request;
		return repeatedly(() => this.#attempt(request), repeats ? pausesMs : []);
	}

	/** If the token is refused, tries once more with a new one. The refused request was not carried out. */
	async #attempt<Result>(request: HttpRequest): Promise<Result> {
		const token = await this.#tokens.current(this.#timeoutMs);
		try {
			return await this.#exchange(request, token);
		} catch (error) {
			if (!(error instanceof ParleyApiError) || !isTokenRefusal(error) || this.#tokens.isFixed) throw error;
			this.#tokens.refuse(token);
			const renewed = await this.#tokens.current(this.#timeoutMs);
			if (renewed === token) throw error;
			return this.#exchange(request, renewed);
		}
	}

	async #exchange<Result>(request: HttpRequest, token: string): Promise<Result> {
		const { current } = this.#gateways;
		const { method, path, query, body, timeoutMs = this.#timeoutMs } = request;
		const headers: Record<string, string> = { authorization: `Bearer ${token}` };
		if (body) headers["content-type"] = "application/json";
		const signal = AbortSignal.timeout(timeoutMs);
		const init = { method, headers, body: body ? JSON.stringify(body) : null, signal };
		try {
			return await answer<Result>(current, path + queryString(query), init);
		} catch (error) {
			// Another gateway may reach the service that this one does not reach.
			if (isPassing(error)) this.#gateways.moveOn(current);
			throw error;
		}
	}
}

/**
 * Tries again after each of the pauses, as long as there is no answer or the server is not available. (After a change of network,
 * kept-alive connections break first.)
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

/** The JSON of a successful answer. An answer that is not JSON, such as the page of a captive portal, counts as none: NETWORK. */
async function answer<Result>(origin: string, path: string, init: RequestInit): Promise<Result> {
	let response: Response;
	let text: string;
	try {
		response = await fetch(origin + path, init);
		text = await response.text();
	} catch (cause) {
		throw new ParleyApiError({ code: "NETWORK", message: `No answer from ${origin}.` }, { cause });
	}
	if (!response.ok) throw refusal(response, text);
	if (response.status === 204) return undefined as Result;
	try {
		return JSON.parse(text) as Result;
	} catch (cause) {
		const message = `Something else than Parley answered for ${origin}.`;
		throw new ParleyApiError({ code: "NETWORK", message, status: response.status }, { cause });
	}
}

function queryString(query: HttpRequest["query"] = {}): string {
	const given = new URLSearchParams();
	for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, String(value));
	return given.size === 0 ? "" : `?${given}`;
}

/** Load balancers answer 502 and 504 when a gateway has stopped or does not answer. */
const unavailable = new Set([502, 503, 504]);

/** The error of a failed request. The answer of a proxy or a captive portal is not in Parley's error format. */
function refusal(response: Response, text: string): ParleyApiError {
	const { status } = response;
	const requestId = response.headers.get("x-request-id");
	let error: ErrorFields = { code: unavailable.has(status) ? "UNAVAILABLE" : "NETWORK", message: `HTTP ${status}` };
	try {
		const { error: body } = JSON.parse(text) as { error?: ErrorBody };
		if (typeof body?.code === "string") error = body;
	} catch {}
	return new ParleyApiError({ ...error, status, ...(requestId !== null && { requestId }) });
}
