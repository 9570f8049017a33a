import { randomUUID } from "node:crypto";
import { jwtSecret, tokenOf } from "../support/broker.ts";
import { query } from "../support/database.ts";
import { connect, disconnect, urlOf } from "../support/gateway.ts";
import { type Conversing, openConversation, registerUser } from "../support/platform.ts";
import { useNode } from "../support/use-node.ts";

jest.setTimeout(20_000);

let conversing: Conversing;
let token: string;

const node = useNode({ env: { LOG_LEVEL: "debug" } });

beforeAll(async () => {
	conversing = await openConversation(node.calls);
	token = await tokenOf(conversing.applicantId);
});

test.each(["a", "7b0f-1.x:Y_z", "x".repeat(128)])(
	"the request id %s is kept, in the header and in an error's body",
	async (id) => {
		const response = await get("/conversations/nonsense", { "X-Request-Id": id });
		expect(response.headers.get("x-request-id")).toBe(id);
		expect(await response.json()).toMatchObject({ error: { code: "NOT_FOUND", requestId: id } });
	},
);

test.each(["", "two words", "x".repeat(129), "a;b", "<b>", "ä"])("the request id «%s» is replaced", async (id) => {
	const response = await get("/conversations/nonsense", { "X-Request-Id": id });
	const given = response.headers.get("x-request-id");
	expect(given).toMatch(/^[\da-f-]{36}$/);
	expect(await response.json()).toMatchObject({ error: { requestId: given } });
});

test("an answer without an error has a request id too, each its own", async () => {
	const ids = await Promise.all(
		["/conversations", "/conversations", "/health/live"].map(async (path) => (await get(path)).headers.get("x-request-id")),
	);
	expect(new Set(ids).size).toBe(3);
	expect(ids).not.toContain(null);
});

test("when something breaks inside, the client learns a request id and the log has it; neither learns a secret", async () => {
	const requestId = randomUUID();
	const { conversationId } = conversing;
	const client = await connect(node, token);
	await query(node.databaseUrl, "alter table messages rename to hidden");
	try {
		const response = await get(`/conversations/${conversationId}/messages`, { "X-Request-Id": requestId });
		expect(response.status).toBe(500);
		const shown = { code: "INTERNAL", message: "Something went wrong." };
		expect(await response.json()).toEqual({ error: { ...shown, requestId } });
		const payload = { conversationId, clientId: randomUUID(), content: "hello" };
		expect(await client.emitWithAck("send_message", payload)).toEqual({ ok: false, error: shown });
		// Answered with (error, result): the first is what the promise gives.
		expect(await client.emitWithAck("call", "messages.list", { conversationId })).toEqual(shown);
	} finally {
		await query(node.databaseUrl, "alter table hidden rename to messages");
		await disconnect(node, client);
	}
	expect(node.log.filter((line) => line.includes(`failed (${requestId})`))).toHaveLength(1);
	expect(node.log.filter((line) => line.startsWith("error send_message failed"))).toHaveLength(1);
	expectNoSecret(node.log.join("\n"));
});

test.each<[string, RequestInit, number]>([
	["no token", { headers: {} }, 401],
	["another scheme", { headers: { Authorization: `Basic ${jwtSecret}` } }, 401],
	["a token that is none", { headers: { Authorization: "Bearer nonsense" } }, 401],
	["a body that is no JSON", { method: "POST", body: "{", headers: { "Content-Type": "application/json" } }, 400],
	["a body of another type", { method: "POST", body: "a=b", headers: { "Content-Type": "text/plain" } }, 415],
	[
		"a body that is too large",
		{ method: "POST", body: `"${"x".repeat(200_000)}"`, headers: { "Content-Type": "application/json" } },
		413,
	],
	["a body that lacks everything", { method: "POST", body: "{}", headers: { "Content-Type": "application/json" } }, 400],
	["a path that is none", { method: "DELETE" }, 404],
	["a path of a broken encoding", { method: "PUT" }, 404],
])("a request with %s is answered in the envelope, without a word about our code", async (what, init, status) => {
	const headers = { Authorization: `Bearer ${token}`, ...init.headers };
	const path = what.includes("encoding") ? "/conversations/%E0%A4%A/mute" : "/conversations";
	const withoutToken = status === 401 ? { ...init } : { ...init, headers };
	const response = await fetch(`${urlOf(node)}${path}`, withoutToken);
	const text = await response.text();
	expect(response.status).toBe(status);
	expect(JSON.parse(text)).toEqual({
		error: expect.objectContaining({ code: expect.stringMatching(/^[A-Z_]+$/), requestId: response.headers.get("x-request-id") }),
	});
	expect(text).not.toMatch(/node_modules|\.ts\b|\n\s+at /);
	expectNoSecret(text);
});

test("nothing that was logged on the way has a token, a password or what people write in it", async () => {
	const other = await tokenOf(await registerUser(node.calls));
	await get("/conversations", { Authorization: `Bearer ${other}` });
	const body = JSON.stringify({ clientId: randomUUID(), content: "for your eyes only" });
	const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
	const sent = await fetch(`${urlOf(node)}/conversations/${conversing.conversationId}/messages`, {
		method: "POST",
		body,
		headers,
	});
	expect(sent.status).toBe(201);
	const log = node.log.join("\n");
	expect(log.length).toBeGreaterThan(1_000);
	expectNoSecret(log);
	expect(log).not.toContain(other);
	expect(log).not.toContain("for your eyes only");
});

function expectNoSecret(text: string): void {
	for (const secret of [token, jwtSecret, new URL(node.databaseUrl).password]) expect(text.includes(secret)).toBe(false);
}

function get(path: string, headers: Record<string, string> = {}): Promise<Response> {
	return fetch(`${urlOf(node)}${path}`, { headers: { Authorization: `Bearer ${token}`, ...headers } });
}
