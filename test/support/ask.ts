import type { Socket } from "socket.io-client";

/**
 * A request to a route as the contracts write it: path parameters are taken from `params`, the rest is the query or the body.
 * `204`, `404 NOT_FOUND`, or `404 HTML` for a page.
 */
export async function askRoute(url: string, token: string, route: string, params: Record<string, unknown>): Promise<string> {
	const [method = "", pattern = ""] = route.split(" ");
	const rest = new Map(Object.entries(params));
	const path = pattern.replace(/:(\w+)/g, (_all, name: string) => {
		const value = String(rest.get(name));
		rest.delete(name);
		return encodeURIComponent(value);
	});
	const hasBody = !/^(?:GET|DELETE)$/.test(method);
	const queryString = hasBody ? "" : `?${new URLSearchParams([...rest].map(([name, value]) => [name, String(value)]))}`;
	const response = await fetch(url + path + queryString, {
		method,
		headers: { ...(token && { Authorization: `Bearer ${token}` }), ...(hasBody && { "Content-Type": "application/json" }) },
		...(hasBody && { body: JSON.stringify(Object.fromEntries(rest)) }),
	});
	const text = await response.text();
	if (response.ok) return String(response.status);
	const isPage = response.headers.get("Content-Type")?.startsWith("text/html");
	return `${response.status} ${isPage ? "HTML" : JSON.parse(text).error.code}`;
}

/** `event sync` or `call messages.list`: `ok`, or the code of the error. */
export async function askSocket(socket: Socket, what: string, params: object): Promise<string> {
	const [kind, name = ""] = what.split(" ");
	if (kind === "event") {
		const answer = await socket.timeout(answerMs).emitWithAck(name, params);
		return answer.ok ? "ok" : answer.error.code;
	}
	return new Promise((resolve, reject) =>
		socket
			.timeout(answerMs)
			.emit("call", name, params, (late: Error | null, error?: { code: string }) =>
				late ? reject(late) : resolve(error?.code ?? "ok"),
			),
	);
}

const answerMs = 10_000;
