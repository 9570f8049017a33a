import type { TestNode } from "./broker.ts";
import { urlOf } from "./gateway.ts";

/** What a route answered. */
export interface Answer {
	status: number;
	headers: Headers;
	body: { error?: { code: string; details?: unknown }; id?: string };
}

/** Asks a route, such as `GET /conversations`, as the person whose token it is. */
export async function request(
	node: TestNode,
	token: string | undefined,
	route: string,
	body?: object,
	headers: Record<string, string> = {},
): Promise<Answer> {
	const [method = "GET", path = "/"] = route.split(" ");
	const response = await fetch(urlOf(node) + path, {
		method,
		headers: {
			...(token !== undefined && { Authorization: `Bearer ${token}` }),
			...(body && { "Content-Type": "application/json" }),
			...headers,
		},
		...(body && { body: JSON.stringify(body) }),
	});
	return { status: response.status, headers: response.headers, body: (await response.json()) as Answer["body"] };
}

/** What the headers say: limit, remaining, seconds until the reset. */
export function quotaOf({ headers }: Answer): (number | undefined)[] {
	const numbers = ["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"].map((name) => headers.get(name));
	return numbers.map((value) => (value === null ? undefined : Number(value)));
}
