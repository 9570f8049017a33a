type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface Answer<Body = unknown> {
	status: number;
	headers: Headers;
	body: Body;
	/** The code in the error envelope, if it is one. */
	code: string | undefined;
}

/** Somebody who calls REST with one token, or none. */
export interface Caller {
	ask<Body = unknown>(method: Method, path: string, body?: unknown): Promise<Answer<Body>>;
	/** The same for what must succeed: only the body. */
	get<Body>(path: string): Promise<Body>;
	post<Body>(path: string, body: unknown): Promise<Body>;
	put<Body>(path: string, body: unknown): Promise<Body>;
	patch<Body>(path: string, body?: unknown): Promise<Body>;
}

export function callerOf(baseUrl: string, token?: string): Caller {
	const ask = <Body>(method: Method, path: string, body?: unknown) => {
		const headers: Record<string, string> = body === undefined ? {} : { "content-type": "application/json" };
		if (token !== undefined) headers.authorization = `Bearer ${token}`;
		return request<Body>(baseUrl + path, { method, headers, body: body === undefined ? null : JSON.stringify(body) });
	};
	const succeed = async <Body>(method: Method, path: string, body?: unknown) => {
		const answer = await ask<Body>(method, path, body);
		if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
		return answer.body;
	};
	return {
		ask,
		get: (path) => succeed("GET", path),
		post: (path, body) => succeed("POST", path, body),
		put: (path, body) => succeed("PUT", path, body),
		patch: (path, body) => succeed("PATCH", path, body),
	};
}

export async function request<Body>(url: string, init: RequestInit = {}): Promise<Answer<Body>> {
	const { status, headers, ...response } = await answer(url, init);
	const isJson = headers.get("content-type")?.includes("application/json") && response.text !== "";
	const body = (isJson ? JSON.parse(response.text) : response.text) as Body;
	return { status, headers, body, code: (body as { error?: { code?: string } } | null)?.error?.code };
}

async function answer(url: string, init: RequestInit) {
	const response = await fetch(url, init);
	return { status: response.status, headers: response.headers, text: await response.text() };
}
