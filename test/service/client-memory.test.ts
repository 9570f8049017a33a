import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { ChatClient } from "../../client/chat.ts";
import { until } from "../../testing/until.ts";
import { ScriptedGateway } from "../support/scripted-gateway.ts";
import { aMessage, serveHistory } from "../support/scripted-history.ts";

jest.setTimeout(60_000);

const conversationCount = 2_000;
const messageCount = 100_000;
const bounds = { maxConversations: 100, maxMessages: 40 };
/** As many are on their way at once. */
const burst = 1_000;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

let gateway: ScriptedGateway;
let client: ChatClient;

afterEach(async () => {
	client.close();
	await gateway.stop();
});

test("memory is flat over 100,000 messages in 2,000 conversations, and each message is news once", async () => {
	gateway = await ScriptedGateway.start();
	client = new ChatClient({ baseUrl: gateway.url, token: "token", ...bounds });
	const { heads } = serveHistory(gateway, ids);
	const newsOf = new Map<string, number>();
	let [news, outOfOrder] = [0, 0];
	client.on("message", ({ message: { conversationId, seq } }) => {
		news++;
		if (seq !== (newsOf.get(conversationId) ?? 0) + 1) outOfOrder++;
		newsOf.set(conversationId, seq);
	});
	const errors = jest.fn();
	client.on("error", errors);
	const synced = new Promise<void>((resolve) => client.on("synced", () => resolve()));
	await client.connect();
	await synced;
	const [busy] = ids as [string, ...string[]];
	const state = await client.open(busy);

	const heapMb: number[] = [];
	const [socket] = gateway.sockets;
	for (let sent = 0; sent < messageCount; ) {
		for (const end = sent + burst; sent < end; sent++) {
			// Every tenth is in the conversation that is open.
			const id = (sent % 10 === 0 ? busy : ids[(sent * 7) % conversationCount]) ?? busy;
			const seq = (heads.get(id) ?? 0) + 1;
			heads.set(id, seq);
			socket?.emit("message_received", { message: aMessage(id, seq) }, () => {});
		}
		await until(() => news === sent, { intervalMs: 1 });
		if (sent % (messageCount / 5) === 0) {
			collectGarbage();
			heapMb.push(process.memoryUsage().heapUsed / 1e6);
		}
	}
	console.info(`Heap after 20,000, 40,000 … messages: ${heapMb.map((mb) => mb.toFixed(1)).join(", ")} MB.`);

	expect(errors.mock.calls).toEqual([]);
	expect(outOfOrder).toBe(0);
	const kept = ids.filter((id) => client.state(id));
	expect(kept.length).toBeLessThanOrEqual(bounds.maxConversations);
	for (const id of kept) expect(client.state(id)?.messages.length).toBeLessThanOrEqual(bounds.maxMessages);
	expect(state.lastSeq).toBe(heads.get(busy));
	// 80,000 messages that were kept would be some 60 MB.
	expect((heapMb.at(-1) ?? 0) - (heapMb[0] ?? 0)).toBeLessThan(8);

	// What was let go comes again when it is wanted, and older messages stay until the conversation is left.
	const forgotten = ids.find((id) => !client.state(id)) ?? "";
	expect((await client.open(forgotten)).lastSeq).toBe(heads.get(forgotten));
	expect(await client.loadOlder(busy, 100)).toBe(true);
	const seqs = Array.from({ length: bounds.maxMessages + 100 }, (_, index) => state.lastSeq - bounds.maxMessages - 99 + index);
	expect(state.messages.map(({ seq }) => seq)).toEqual(seqs);
	client.leave(busy);
	await until(() => state.messages.length === bounds.maxMessages);
});

const ids = Array.from({ length: conversationCount }, (_, index) => `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`);
