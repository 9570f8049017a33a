import { Agent, request } from "node:http";
import fc, { type Arbitrary } from "fast-check";
import { contractOf } from "../../../services/contracts.ts";
import { routes } from "../../../services/gateway/routes.ts";
import type { Answer, Attack } from "./attack.ts";
import { textsOf } from "./texts.ts";
import { inputsOf, type Known } from "./values.ts";

interface RestRequest {
	path: string;
	headers: Record<string, string>;
	body: Buffer | undefined;
}

/** An attack on each route: path, query, headers and body. */
export function restAttacks(baseUrl: string, known: Known, tokens: { user: string; platform: string }): Attack[] {
	const agent = new Agent({ keepAlive: true, maxSockets: 4 });
	return Object.entries(routes).map(([route, action]) => {
		const [method = "", pattern = ""] = route.split(" ");
		const contract = contractOf(action);
		if (!contract) throw new Error(`${action} has no contract`);
		const token = pattern.startsWith("/platform") ? tokens.platform : tokens.user;
		// Whoever is erased can attack no more.
		const victims = action === "users.erase" ? { id: ["nobody"] } : known;
		const inputs = inputsOf(contract.params, victims);
		const requests = requestsOf(method, pattern, inputs, action === "users.erase");
		return {
			name: route,
			inputs: requests.map((one) => ({ ...one, headers: { Authorization: `Bearer ${token}`, ...one.headers } })),
			run: (input: RestRequest) => send(agent, baseUrl, method, input),
			close: () => agent.destroy(),
		};
	});
}

function requestsOf(
	method: string,
	pattern: string,
	inputs: Arbitrary<Record<string, unknown>>,
	isPathOnly: boolean,
): Arbitrary<RestRequest> {
	const headers = fc.oneof({ weight: 6, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: fc.constantFrom(...oddHeaders) });
	const hasBody = method !== "GET" && !isPathOnly;
	return fc
		.record({ input: inputs, text: textsOf(inputs), headers, oddQuery: fc.constantFrom("", "", "", ...oddQueries) })
		.map((one) => ({
			path: pathOf(pattern, one.input) + queryOf(hasBody || isPathOnly ? {} : without(pattern, one.input), one.oddQuery),
			headers: {
				...(hasBody && { "Content-Type": "application/json", "Content-Length": String(one.text.length) }),
				...one.headers,
			},
			body: hasBody ? one.text : undefined,
		}));
}

const oddHeaders: Record<string, string>[] = [
	...["gzip", "deflate", "br", "zstd", "compress"].map((encoding) => ({ "Content-Encoding": encoding })),
	...["utf-7", "utf-16", "x"].map((charset) => ({ "Content-Type": `application/json; charset=${charset}` })),
	{ "Content-Type": "application/x-www-form-urlencoded" },
	{ "Content-Type": "text/plain" },
	{ "X-Request-Id": "x".repeat(4_000) },
	{ "X-Forwarded-For": ",,, ::1%eth0, [::ffff:1.2.3.4]:5" },
	{ Authorization: "Bearer" },
	{ Authorization: `Bearer ${"e30.".repeat(1_000)}` },
	{ Accept: "text/html", Origin: "null", Range: "bytes=0-1" },
];

const oddQueries = [
	"__proto__[admin]=1",
	"constructor[prototype][x]=1",
	"limit[]=1&limit[]=2",
	"limit=1&limit=2",
	"q[a][b][c][d][e][f][g]=1",
	"q=%00",
	"q=%ED%A0%80",
	"q=%E0%A4%A",
	`q=${"x".repeat(7_000)}`,
	`${"a&".repeat(2_000)}`,
	"before=0&after=0",
	"&&&===",
];

function pathOf(pattern: string, input: Record<string, unknown>): string {
	return pattern.replace(/:(\w+)/g, (_all, name: string) => segmentOf(input[name]));
}

function segmentOf(value: unknown): string {
	return encode(typeof value === "string" ? value : (JSON.stringify(value) ?? "undefined")).slice(0, 4_000);
}

/** Query parameters that are not in the path. */
function without(pattern: string, input: Record<string, unknown>): Record<string, unknown> {
	return Object.fromEntries(Object.entries(input).filter(([name]) => !pattern.includes(`:${name}`)));
}

function queryOf(input: Record<string, unknown>, more: string): string {
	const pairs = Object.entries(input).map(([name, value]) => `${encode(name)}=${segmentOf(value)}`);
	// Node's parser takes 16 KB of headers, and its answer to more is known.
	const query = [...pairs, more].filter((pair) => pair !== "").join("&");
	return query === "" ? "" : `?${query.slice(0, 8_000)}`;
}

/** As encodeURIComponent, which throws at half of a surrogate pair: that becomes the bytes that it would have. */
function encode(text: string): string {
	return [...text].map((character) => (character.isWellFormed() ? encodeURIComponent(character) : "%ED%A0%80")).join("");
}

/** As the path is, without what `fetch` would tidy up. */
function send(agent: Agent, baseUrl: string, method: string, { path, headers, body }: RestRequest): Promise<Answer> {
	const { hostname, port } = new URL(baseUrl);
	return new Promise((resolve, reject) => {
		const outgoing = request({ agent, hostname, port, method, path, headers }, (response) => {
			const chunks: Buffer[] = [];
			response.on("data", (chunk: Buffer) => chunks.push(chunk));
			response.on("error", reject);
			response.on("end", () => {
				const status = response.statusCode ?? 0;
				resolve({
					shown: `${status} ${Buffer.concat(chunks).toString().slice(0, 500)}`,
					isRefusal: status >= 400,
					isFailure: status >= 500,
				});
			});
		});
		outgoing.on("error", reject);
		outgoing.end(body);
	});
}
