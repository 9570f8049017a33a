import type { Socket } from "socket.io-client";
import { z } from "zod";
import { errorCodes } from "../../lib/error-catalogue.ts";
import { contractOf } from "../../services/contracts.ts";
import { type ClientEventName, clientEvents } from "../../services/gateway/gateway.contract.ts";
import { routes } from "../../services/gateway/routes.ts";
import { askRoute, askSocket } from "../support/ask.ts";
import { as, asPlatform, tokenOf } from "../support/broker.ts";
import { query } from "../support/database.ts";
import { type FurnishedNode, startFurnishedNode } from "../support/furnished-node.ts";
import { connect, disconnect, urlOf } from "../support/gateway.ts";
import { type Conversing, openConversation, registerUser, send } from "../support/platform.ts";
import { type Place, type Things, type Way, ways } from "../support/security-table.ts";
import { rowCounts } from "../support/stored-rows.ts";

/** What ends a string, an operand or a statement in SQL, in a pattern, in a tsquery, in JSON or in an array. */
const injections = [
	"' or 1=1 --",
	"' or '1'='1",
	"'; drop table messages; --",
	"1; delete from messages",
	"') union select id, email from users --",
	"'||(select version())||'",
	"'; select pg_sleep(10); --",
	"\\",
	"\\' or true --",
	"E'\\x27'",
	'"',
	'"; drop table users; --',
	"%",
	"_",
	"%' escape '\\",
	"$1",
	"$$; drop table images; $$",
	":id",
	":*|!&<->()",
	"{a,b}",
	'{"a":1}',
	"/* */",
	"?",
	"null",
	"\0",
	"a\0b",
	"'".repeat(3_000),
	"%_".repeat(3_000),
];

let node: FurnishedNode;
let conversing: Conversing;
let place: Place;
let things: Things;
let tokens: { user: string; platform: string };
let socket: Socket;

beforeAll(async () => {
	node = await startFurnishedNode();
	conversing = await openConversation(node.calls);
	place = await node.furnish(conversing);
	things = await node.thingsOf(conversing);
	tokens = { user: await tokenOf(conversing.applicantId), platform: await tokenOf("the platform", "platform") };
	socket = await connect(node, tokens.user);
});

afterAll(async () => {
	await disconnect(node, socket);
	await node.stop();
});

test.each(ways)("$name takes SQL in every field for text", async (way) => {
	const before = await rowCounts(node.databaseUrl);
	const usersBefore = await ids("users");
	const applicationsBefore = await ids("job_applications");
	let stored = 0;
	for (const params of injected(way)) {
		const answer = await ask(way, params);
		const isSuccess = answer === way.success;
		const code = answer.replace(/^[1-4]\d\d /, "");
		if (!isSuccess && code !== "HTML" && !errorCodes.some((known) => known === code))
			throw new Error(`${JSON.stringify(params)}: ${answer}`);
		expect(["INTERNAL", "UNAVAILABLE"]).not.toContain(code);
		if (isSuccess) stored++;
	}
	expect(node.log.filter((line) => /^(?:error|fatal)/.test(line))).toEqual([]);

	// Everything is there that was there, and what was answered with success.
	const [users, applications] = [await ids("users"), await ids("job_applications")];
	expect(users).toEqual(expect.arrayContaining(usersBefore));
	expect(applications).toEqual(expect.arrayContaining(applicationsBefore));
	expect(await rowCounts(node.databaseUrl)).toEqual({
		...before,
		...(way.action === "messages.send" && { messages: (before.messages ?? 0) + stored }),
		...(way.action === "media.requestUpload" && { images: (before.images ?? 0) + stored }),
		// Most are for the field that this device does not use. Beyond twenty, the oldest goes.
		...(way.action === "notifier.addDevice" && { devices: Math.min((before.devices ?? 0) + stored, 20) }),
		users: way.action === "users.put" ? users.length : before.users,
		job_applications: way.action === "applications.put" ? applications.length : before.job_applications,
	});
	expect(users.length - usersBefore.length).toBeLessThanOrEqual(stored);
	expect(applications.length - applicationsBefore.length).toBeLessThanOrEqual(stored);
});

test("what was stored is what was sent, sign by sign", async () => {
	const { conversationId, applicantId } = conversing;
	for (const content of injections.filter((text) => !text.includes("\0") && text.length < 5_000)) {
		const message = await send(node.calls, conversationId, applicantId, content);
		expect(message.content).toBe(content);
		const metadata = { [content.slice(0, 100)]: content.slice(0, 1_000) };
		const draft = { conversationId, clientId: message.id, content, metadata };
		expect((await node.calls.call("messages.send", draft, as(applicantId))).metadata).toEqual(metadata);
	}
});

test.each([
	["messages", "100%", ["100% sure"]],
	["messages", "%", ["100% sure"]],
	["messages", "snake_case", ["snake_case"]],
	["messages", "e_c", ["snake_case"]],
	["messages", "1__", []],
	["messages", "%%", []],
	["conversations", "%", ["50% cook"]],
	["conversations", "_", ["under_cook"]],
	["conversations", "5_%", []],
	["conversations", "50%", ["50% cook"]],
])("a search of %s for %s takes it literally", async (what, q, found) => {
	const applicantId = await registerUser(node.calls);
	const texts = ["100% sure", "100 sure", "snake_case", "snakeXcase"];
	for (const jobTitle of ["50% cook", "500 cook", "under_cook", "underXcook"]) {
		const employerId = await registerUser(node.calls);
		const id = `application-${employerId}`;
		await node.calls.call("applications.put", { id, applicantId, employerId, jobTitle, status: "OPEN" }, asPlatform);
		const { id: conversationId } = await node.calls.call("conversations.create", { jobApplicationId: id }, as(applicantId));
		await send(node.calls, conversationId, applicantId, texts.pop());
	}
	if (what === "messages") {
		const { items } = await node.calls.call("messages.search", { q }, as(applicantId));
		expect(items.map(({ message }) => message.content)).toEqual(found);
	} else {
		const { items } = await node.calls.call("conversations.list", { q }, as(applicantId));
		expect(items.map(({ jobTitle }) => jobTitle)).toEqual(found);
	}
});

/** Params that are valid but for one field, which has each injection in turn. */
function* injected(way: Way): Generator<Record<string, unknown>> {
	for (const field of fieldsOf(way)) {
		for (const injection of injections) yield { ...way.params(place, things, tokens.user), [field]: injection };
	}
	if (way.action !== "messages.send") return;
	for (const injection of injections) {
		yield { ...way.params(place, things, tokens.user), metadata: { [injection]: 1 } };
		yield { ...way.params(place, things, tokens.user), metadata: { a: injection } };
	}
}

/** Every field of the contract, also those that are no strings: over the wire all may be. */
function fieldsOf({ name, action }: Way): string[] {
	const [kind, event = ""] = name.split(" ");
	const schema = kind === "event" ? clientEvents[event as ClientEventName].payload : contractOf(String(action))?.params;
	if (!schema) throw new Error(`${name} has no contract.`);
	return Object.keys(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }).properties ?? {});
}

function ask(way: Way, params: Record<string, unknown>): Promise<string> {
	if (!(way.name in routes)) return askSocket(socket, way.name, params);
	return askRoute(urlOf(node), way.may === "platform" ? tokens.platform : tokens.user, way.name, params);
}

async function ids(table: "users" | "job_applications"): Promise<string[]> {
	return (await query<{ id: string }>(node.databaseUrl, `select id from ${table} order by 1`)).map(({ id }) => id);
}
