import { ChatClient } from "../../client/chat.ts";
import { until } from "../../testing/until.ts";
import { ScriptedGateway } from "../support/scripted-gateway.ts";
import { aMessage, serveHistory } from "../support/scripted-history.ts";

const [kept, letGo] = ["kept", "let go"];
const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, index) => first + index);

let gateway: ScriptedGateway;
let heads: Map<string, number>;
let client: ChatClient;
let news: string[];

/** Two conversations with 70 messages each, of which one has a state. */
beforeEach(async () => {
	gateway = await ScriptedGateway.start();
	heads = serveHistory(gateway, [letGo, kept]).heads;
	for (const id of heads.keys()) heads.set(id, 70);
	client = new ChatClient({ baseUrl: gateway.url, token: "token", reconnectDelayMs: 5, maxConversations: 1, maxMessages: 60 });
	news = [];
	client.on("message", ({ message: { conversationId, seq } }) => news.push(`${conversationId} ${seq}`));
	await client.connect().catch(() => {});
	await until(() => client.state(kept));
	expect(client.state(letGo)).toBeUndefined();
});

afterEach(async () => {
	client.close();
	await gateway.stop();
});

/** Stores messages up to this seq, and pushes the newest. */
function push(conversationId: string, seq: number): Promise<void> {
	heads.set(conversationId, seq);
	return new Promise((resolve) =>
		gateway.sockets[0]?.emit("message_received", { message: aMessage(conversationId, seq) }, () => resolve()),
	);
}

describe("a conversation whose state was let go", () => {
	test("still has its next message told, once, and needs no question to the server for it", async () => {
		for (const seq of [71, 72, 72, 71]) await push(letGo, seq);
		expect(news).toEqual(["let go 71", "let go 72"]);
		expect(client.state(letGo)).toBeUndefined();
		expect(gateway.heard).toEqual([]);
	});

	test("has what was missed told when a later message comes", async () => {
		await push(letGo, 75);
		expect(news).toEqual(upTo(75, 71).map((seq) => `let go ${seq}`));
	});

	test("has what was missed told when it is opened, and then has a page of its newest messages", async () => {
		heads.set(letGo, 73);
		const state = await client.open(letGo);
		expect(news).toEqual(upTo(73, 71).map((seq) => `let go ${seq}`));
		expect(state.messages.map(({ seq }) => seq)).toEqual(upTo(73, 24));
		expect(client.state(kept)).toBeUndefined();
	});

	test("has the messages after another database was restored, though its own seq is higher", async () => {
		heads.set(letGo, 3);
		heads.set(kept, 3);
		const { sync } = gateway;
		gateway.sync = () => ({ ...sync(), reset: true });
		for (const socket of gateway.sockets) socket.disconnect(true);
		await until(() => client.state(kept)?.lastSeq === 3);
		await until(() => client.isConnected);
		await push(letGo, 4);
		expect(news).toEqual(["let go 4"]);
	});
});

test("an open conversation keeps its state, however many others have news, until it is left", async () => {
	const state = await client.open(kept);
	await push(letGo, 75);
	await push(kept, 71);
	expect(client.state(kept)).toBe(state);
	client.leave(kept);
	await until(() => gateway.heard.some(({ event }) => event === "leave_conversation"));
	await client.open(letGo);
	expect(client.state(kept)).toBeUndefined();
});

test("older messages can be loaded down to the first, stay while new ones come, and go when it is left", async () => {
	const state = await client.open(kept);
	expect(state.messages.map(({ seq }) => seq)).toEqual(upTo(70, 21));
	expect(await client.loadOlder(kept, 15)).toBe(true);
	expect(await client.loadOlder(kept, 15)).toBe(false);
	expect(await client.loadOlder(kept)).toBe(false);
	expect(state.messages.map(({ seq }) => seq)).toEqual(upTo(70));
	await push(kept, 71);
	expect(state.messages.map(({ seq }) => seq)).toEqual(upTo(71, 2));
	client.leave(kept);
	await until(() => state.messages.length === 60);
	expect(state.lastSeq).toBe(71);
});
