import { once } from "node:events";
import { createServer } from "node:http";
import { Server } from "socket.io";
import { ChatClient } from "../../../client/chat.ts";
import type { BaseUrl } from "../../../client/gateways.ts";
import type { Message, Snapshot } from "../../../client/types.ts";
import type { TargetOf } from "../../../testing/target.ts";
import { eventually, until } from "../../../testing/until.ts";
import { closeDevices } from "./device.ts";
import { aConversation, converse, historyOf, type Person, upTo } from "./people.ts";

/** What `ChatClient` adds to what the server promises. Its behaviour under cut connections is in the properties. */
export function describeChatClient(target: TargetOf): void {
	const clients: ChatClient[] = [];
	const leaving: LeavingGateway[] = [];

	afterEach(async () => {
		for (const client of clients.splice(0)) client.close();
		for (const gateway of leaving.splice(0)) await gateway.close();
		closeDevices();
	});

	const connect = async (person: Person, baseUrl: BaseUrl = person.baseUrl) => {
		const client = new ChatClient({ baseUrl, token: person.token, reconnectDelayMs: 20 });
		clients.push(client);
		const news: Message[] = [];
		client.on("message", ({ message }) => news.push(message));
		await client.connect();
		return { client, news };
	};

	describe("the chat client", () => {
		it("catches up with whatever happened while it was away: each message once and in order", async () => {
			const { alice, bob, id } = await aConversation(target());
			const [silent, archived] = [await converse(target(), alice, bob), await converse(target(), alice, bob)];
			await alice.write(id, "before");
			const { client, news } = await connect(bob);
			const state = await client.open(id);
			client.close();
			for (const n of upTo(130)) await alice.write(id, `message ${n}`);
			await bob.patch(`/conversations/${id}/read`, { seq: 100 });
			await bob.patch(`/conversations/${archived.id}/archive`);
			const created = await converse(target(), alice, bob);
			await alice.write(created.id, "new");
			await alice.write(created.id, "here");
			await client.connect();
			await until(() => state.lastSeq === 131 && client.state(created.id)?.lastSeq === 2);
			expect(news.filter(({ conversationId }) => conversationId === id).map(({ seq }) => seq)).toEqual(upTo(131).slice(1));
			expect(news.filter(({ conversationId }) => conversationId === created.id).map(({ seq }) => seq)).toEqual([1, 2]);
			expect(state.messages.map(({ content }) => content)).toEqual((await historyOf(bob, id)).map(({ content }) => content));
			expect(state.conversation.unreadCount).toBe(31);
			expect(client.state(archived.id)?.conversation).toMatchObject({ status: "ARCHIVED", archivedBy: bob.id });
			expect(client.state(silent.id)?.messages).toEqual([]);
		});

		it("leaves a gateway that is draining for the next one: what it was asked and did not answer is answered there", async () => {
			const { alice, bob, conversation, id } = await aConversation(target());
			const gateway = await LeavingGateway.open({ ...conversation, messages: [], hasMore: false });
			leaving.push(gateway);
			const { client, news } = await connect(bob, [gateway.url, bob.baseUrl]);
			await until(() => client.state(id));
			const disconnected = jest.fn();
			client.on("disconnected", disconnected);
			const [sent, read] = [client.send(id, { content: "into the void" }), client.markRead(id)];
			await until(() => gateway.unanswered.length === 2);
			gateway.drain(10);
			expect(await sent).toMatchObject({ seq: 1, content: "into the void" });
			expect(await read).toEqual({ readSeq: expect.any(Number), unreadCount: 0 });
			await alice.write(id, "welcome");
			await until(() => news.length === 2);
			expect(news.map(({ content }) => content)).toEqual(["into the void", "welcome"]);
			expect(await historyOf(bob, id)).toHaveLength(2);
			await until(() => gateway.connections === 0);
			expect(disconnected).not.toHaveBeenCalled();
		});

		it("begins afresh where another database answers than the one that its cursor is of", async () => {
			const { alice, bob, conversation, id } = await aConversation(target());
			await alice.write(id, "restored");
			const [message] = await historyOf(bob, id);
			if (!message) throw new Error("nothing was written");
			const lost = upTo(7).map((seq) => ({ ...message, seq, id: crypto.randomUUID(), content: `lost ${seq}` }));
			const participants = conversation.participants.map((one) => ({ ...one, deliveredSeq: 7, readSeq: 7 }));
			const gateway = await LeavingGateway.open({ ...conversation, participants, lastSeq: 7, messages: lost, hasMore: false });
			leaving.push(gateway);
			const { client } = await connect(bob, [gateway.url, bob.baseUrl]);
			const state = await until(() => client.state(id));
			expect(state.lastSeq).toBe(7);
			gateway.drain(10);
			await until(() => state.lastSeq === 1);
			await alice.write(id, "go on");
			await until(() => state.lastSeq === 2);
			expect(state.messages.map(({ content }) => content)).toEqual(["restored", "go on"]);
			await eventually(() => {
				expect(state.conversation).toMatchObject({ lastSeq: 2, unreadCount: 2 });
			});
			expect(state.conversation.participants.map(({ readSeq }) => readSeq)).toEqual([0, 0]);
		});

		it("tries the next gateway while one cannot be reached", async () => {
			const { bob } = await aConversation(target());
			const gateway = await LeavingGateway.open();
			await gateway.close();
			const client = new ChatClient({ baseUrl: [gateway.url, bob.baseUrl], token: bob.token, reconnectDelayMs: 20 });
			clients.push(client);
			const connected = jest.fn();
			client.on("connected", connected);
			await expect(client.connect()).rejects.toMatchObject({ code: "NETWORK" });
			await until(() => connected.mock.calls.length > 0);
			expect(await client.rest.listConversations()).toMatchObject({ items: [expect.anything()] });
		});

		it("hears typing in the conversations that it opened, tells of its own, and knows who is there", async () => {
			const { alice, bob, id } = await aConversation(target());
			const [hers, his] = [(await connect(alice)).client, (await connect(bob)).client];
			const heard: boolean[] = [];
			his.on("user_typing", ({ typing }) => heard.push(typing));
			await his.open(id);
			await hers.startTyping(id);
			await eventually(() => {
				expect(heard).toEqual([true]);
			});
			await hers.stopTyping(id);
			await eventually(() => {
				expect(heard).toEqual([true, false]);
			});
			await hers.setPresence("away");
			await eventually(async () => {
				expect(await his.presence(alice.id)).toMatchObject({ status: "away" });
			});
		});
	});
}

/** A gateway that has a single conversation, of another database, and answers nothing else. */
class LeavingGateway {
	readonly url: string;
	/** The names of the events that it heard and did not answer. */
	readonly unanswered: string[] = [];
	readonly #io: Server;

	private constructor(io: Server, url: string, snapshots: Snapshot[]) {
		this.#io = io;
		this.url = url;
		const nextSince = Buffer.from(JSON.stringify(["another database", "1"])).toString("base64url");
		io.of("/messaging").on("connection", (socket) => {
			socket.onAny((event: string) => event !== "sync" && this.unanswered.push(event));
			socket.on("sync", (_, acknowledge) => acknowledge({ ok: true, conversations: snapshots, nextSince, reset: false }));
		});
	}

	static async open(...snapshots: Snapshot[]): Promise<LeavingGateway> {
		const server = createServer();
		await once(server.listen(0, "127.0.0.1"), "listening");
		const address = server.address();
		if (address === null || typeof address === "string") throw new Error("no TCP port");
		return new LeavingGateway(new Server(server), `http://127.0.0.1:${address.port}`, snapshots);
	}

	get connections(): number {
		return this.#io.of("/messaging").sockets.size;
	}

	drain(reconnectAfterMs: number): void {
		this.#io.of("/messaging").emit("server_draining", { reconnectAfterMs });
	}

	close(): Promise<void> {
		return this.#io.close();
	}
}
