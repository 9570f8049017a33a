import { once } from "node:events";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { tokenOf } from "../support/broker.ts";
import { urlOf } from "../support/gateway.ts";
import { type Conversing, openConversation } from "../support/platform.ts";
import { useNode } from "../support/use-node.ts";

jest.setTimeout(30_000);

let conversing: Conversing;
let token: string;

const node = useNode();

beforeAll(async () => {
	conversing = await openConversation(node.calls);
	token = await tokenOf(conversing.applicantId);
});

describe.each([
	["without a token", () => ({})],
	["with one", () => ({ Authorization: `Bearer ${token}` })],
])("%s", (_who, authorization: () => Record<string, string>) => {
	test.each(["gzip", "deflate", "br", "zstd", "GZIP", "gzip, br", "nonsense"])(
		"a body that says to be %s is refused before anything is unpacked",
		async (encoding) => {
			for (const body of [Buffer.from("this is not compressed"), gzipSync("{}")]) {
				const response = await post("/conversations", body, { ...authorization(), "Content-Encoding": encoding });
				expect(response.status).toBe(415);
				expect(await response.json()).toMatchObject({ error: { code: "UNSUPPORTED_MEDIA_TYPE" } });
			}
		},
	);

	test.each(["utf-7", "utf-16", "utf-32le", "latin1", "nonsense"])("a body in %s is refused", async (charset) => {
		const response = await post("/conversations", "{}", {
			...authorization(),
			"Content-Type": `application/json; charset=${charset}`,
		});
		expect(response.status).toBe(415);
		expect(await response.json()).toMatchObject({ error: { code: "UNSUPPORTED_MEDIA_TYPE" } });
	});

	test.each<[string, Buffer]>([
		["a lone continuation byte", Buffer.from([0x80])],
		["half of a character", Buffer.from([0xe2, 0x82])],
		["a surrogate in UTF-8", Buffer.from([0xed, 0xa0, 0x80])],
		["an overlong slash", Buffer.from([0xc0, 0xaf])],
	])("a body with %s is no JSON", async (_what, bytes) => {
		const body = Buffer.concat([Buffer.from('{"jobApplicationId":"'), bytes, Buffer.from('"}')]);
		const response = await post("/conversations", body, authorization());
		expect(response.status).toBe(400);
		expect(await response.json()).toMatchObject({ error: { code: "MALFORMED_JSON" } });
	});

	test.each(["[]", '["a"]', '[{"jobApplicationId":"a"}]'])("the array %s is not taken for an object", async (body) => {
		const response = await post("/conversations", body, authorization());
		expect(response.status).toBe(400);
		expect(await response.json()).toMatchObject({
			error: { code: "VALIDATION_FAILED", details: [{ path: "", message: "must be an object" }] },
		});
	});
});

test.each(["utf-8", "UTF-8", '"utf-8"'])("a body in %s is read", async (charset) => {
	const response = await post(`/conversations/${conversing.conversationId}/messages`, sending("Grüße 👋"), {
		Authorization: `Bearer ${token}`,
		"Content-Type": `application/json; charset=${charset}`,
	});
	expect(response.status).toBe(201);
	expect(await response.json()).toMatchObject({ content: "Grüße 👋" });
});

test("what is wrong with a request is listed 20 times at most, however much is wrong", async () => {
	const metadata = Object.fromEntries(Array.from({ length: 6_000 }, (_, i) => [`k${i}`, []]));
	const body = JSON.stringify({ clientId: crypto.randomUUID(), content: "x", metadata });
	const response = await post(`/conversations/${conversing.conversationId}/messages`, body, { Authorization: `Bearer ${token}` });
	const text = await response.text();
	expect(response.status).toBe(400);
	expect(JSON.parse(text).error.details).toHaveLength(20);

	const long = JSON.stringify({ clientId: crypto.randomUUID(), content: "x", metadata: { ["k".repeat(100_000)]: 1 } });
	const about = await post(`/conversations/${conversing.conversationId}/messages`, long, { Authorization: `Bearer ${token}` });
	expect(about.status).toBe(400);
	expect((await about.text()).length).toBeLessThan(4_000);
});

test("no cache keeps what is answered", async () => {
	const paths = ["/conversations", "/conversations/nonsense", "/nowhere", "/health/live", "/health/ready"];
	for (const path of paths) {
		for (const headers of [{}, { Authorization: `Bearer ${token}` }] as Record<string, string>[]) {
			const response = await fetch(`${urlOf(node)}${path}`, { headers });
			await response.text();
			expect([path, response.headers.get("cache-control")]).toEqual([path, "no-store"]);
		}
	}
});

test.each<[string, string, number, string]>([
	["is no HTTP", "nonsense\r\n\r\n", 400, "VALIDATION_FAILED"],
	["has a broken header", "GET /health/live HTTP/1.1\r\nHost: a\r\nbroken\r\n\r\n", 400, "VALIDATION_FAILED"],
	["says two lengths", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400, "VALIDATION_FAILED"],
	[
		"is chunked and says a length",
		"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
		400,
		"VALIDATION_FAILED",
	],
	["has no Host", "GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 400, "VALIDATION_FAILED"],
	["has headers without end", `GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(20_000)}\r\n\r\n`, 431, "PAYLOAD_TOO_LARGE"],
])("a request that %s is answered in the envelope, with a request id", async (_what, request, status, code) => {
	const text = await say(request);
	const [head = ""] = text.split("\r\n\r\n");
	// Also out of chunks.
	const body = /\{.*\}/.exec(text)?.[0] ?? "";
	expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
	const requestId = /^x-request-id: (.+)$/im.exec(head)?.[1];
	expect(requestId).toMatch(/^[\da-f-]{36}$/);
	expect(JSON.parse(body)).toMatchObject({ error: { code, message: expect.any(String), requestId } });
	expect(head).toMatch(/^cache-control: no-store$/im);
});

function sending(content: string): string {
	return JSON.stringify({ clientId: crypto.randomUUID(), content });
}

function post(path: string, body: string | Buffer<ArrayBuffer>, headers: Record<string, string>): Promise<Response> {
	return fetch(`${urlOf(node)}${path}`, { method: "POST", body, headers: { "Content-Type": "application/json", ...headers } });
}

/** Sends these bytes, and resolves with all that comes back before the gateway closes the connection. */
async function say(request: string): Promise<string> {
	const { hostname, port } = new URL(urlOf(node));
	const socket = connect(Number(port), hostname);
	const chunks: Buffer[] = [];
	socket.on("data", (chunk: Buffer) => chunks.push(chunk));
	socket.write(request);
	await once(socket, "close");
	return Buffer.concat(chunks).toString();
}
