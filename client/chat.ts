import { newClientId } from "./client-id.ts";
import { Connection } from "./connection.ts";
import { ConversationState, type Count, isOlder } from "./conversation-state.ts";
import { Emitter } from "./emitter.ts";
import { ParleyApiError } from "./errors.ts";
import { type BaseUrl, Gateways } from "./gateways.ts";
import { RestClient } from "./rest.ts";
import { currentToken, type TokenSource } from "./token.ts";
import type {
	Ack,
	ClientEvents,
	Conversation,
	Draft,
	ErrorBody,
	Message,
	MessagePage,
	Presence,
	ReadState,
	ServerEvents,
	Snapshot,
	Time,
} from "./types.ts";

/** What an app hears: the server's events, with both kinds of messages made one, and the state of the connection. */
export interface ChatEvents extends Omit<ServerEvents, "message_sent" | "message_received" | "error"> {
	/** A new message, mine or the other side's: each once, in seq order, whether it was pushed or caught up with. */
	message: { message: Message };
	connected: Record<never, never>;
	/** The client connects again by itself. */
	disconnected: { reason: string };
	/** The server did not accept the token; `connect` tries again. */
	refused: ErrorBody;
	/** What was missed is in the states of these conversations. */
	synced: { conversationIds: string[] };
	/** Something in the background failed: the server said so, or catching up did not work (it is tried again). */
	error: Omit<ErrorBody, "code"> & { code: ParleyApiError["code"] };
}

export interface ChatOptions {
	baseUrl: BaseUrl;
	/** May be a function, asked at every connection, so that a renewed token is used. */
	token: TokenSource;
	/** Default 10,000. */
	ackTimeoutMs?: number;
	/** The first pause before connecting again, default 1,000; it grows up to fivefold, and is jittered. */
	reconnectDelayMs?: number;
}

/** How long somebody types after saying so. */
const typingMs = 3_000;

/**
 * A chat connection that heals itself. Messages arrive at least once and in any order after a reconnect; the app sees each
 * once, in order:
 *
 * 1. Every conversation that `sync` told of, or that is open, has a `ConversationState`. A message that does not follow the
 *    last one there means that some were missed, and `sync` is asked; so it is after every connection.
 * 2. What happens while `sync` is on its way waits for the answer, which may be older. The cursor moves when the answer is in
 *    the states: should anything fail before, the same is asked again.
 * 3. A pushed message is acknowledged (which makes the second tick) when it is in the state, not before. Those that came by
 *    `sync` are not: the server pushes them again.
 * 4. What is sent goes out until the server acknowledges it, with the same clientId: the server stores it once.
 */
export class ChatClient {
	readonly rest: RestClient;
	readonly #token: TokenSource;
	readonly #ackTimeoutMs: number;
	readonly #reconnectDelayMs: number;
	readonly #connection: Connection;
	readonly #events = new Emitter<ChatEvents>();
	readonly #states = new Map<string, ConversationState>();
	/** Conversations whose typing is heard. */
	readonly #joined = new Set<string>();
	/** Who types, by conversation. */
	readonly #typists = new Map<string, ServerEvents["user_typing"]>();
	#status: "online" | "away" = "online";
	/** Over all conversations; undefined until it is heard of. */
	#unreadTotal: Count | undefined;
	#cursor: string | undefined;
	#syncing: Promise<void> | undefined;
	#resyncing: ReturnType<typeof setTimeout> | undefined;
	#queue: Promise<unknown> = Promise.resolve();

	constructor({ baseUrl, token, ackTimeoutMs = 10_000, reconnectDelayMs = 1_000 }: ChatOptions) {
		const gateways = new Gateways(baseUrl);
		this.rest = new RestClient({ baseUrl: gateways, token });
		this.#token = token;
		this.#ackTimeoutMs = ackTimeoutMs;
		this.#reconnectDelayMs = reconnectDelayMs;
		this.#connection = new Connection(
			{ gateways, token, timeoutMs: ackTimeoutMs, reconnectDelayMs },
			{
				connected: () => this.#resume(),
				disconnected: (reason) => this.#events.emit("disconnected", { reason }),
				refused: (error) => this.#events.emit("refused", error),
				heard: (event, payload, acknowledge) => {
					// The payload belongs to the event: the server says so. An event of a newer server is not known here.
					const hear = this.#heard[event as keyof ServerEvents] as
						| ((payload: unknown, acknowledge: () => void) => void)
						| undefined;
					hear?.(payload, acknowledge);
				},
			},
		);
	}

	/** Resolves when connected; rejects at the first failure. If that was the network, the client goes on trying until `close`. */
	connect(): Promise<void> {
		return this.#connection.connect();
	}

	/** Disconnects for good. Sends that were not acknowledged are rejected: whether they arrived is not known. */
	close(): void {
		clearTimeout(this.#resyncing);
		this.#connection.close();
	}

	/** Returns the function that ends the subscription. */
	on<Name extends keyof ChatEvents>(event: Name, handler: (payload: ChatEvents[Name]) => void): () => void {
		return this.#events.on(event, handler);
	}

	/** The conversation with its newest messages; it stays up to date, and from now on the other side's typing is heard. */
	async open(conversationId: string): Promise<ConversationState> {
		const state = await this.#inOrder(
			async () => this.#states.get(conversationId) ?? this.#keep(await this.#load(conversationId)),
		);
		if (!this.#joined.has(conversationId)) {
			await this.#ask("join_conversation", { conversationId });
			this.#joined.add(conversationId);
		}
		return state;
	}

	/** What is known of a conversation, without asking the server. */
	state(conversationId: string): ConversationState | undefined {
		return this.#states.get(conversationId);
	}

	/** Resolves with the stored message (one tick), which is in the state by then. While disconnected it waits, and goes out at the next connection. */
	async send(conversationId: string, draft: Draft): Promise<Message> {
		const payload = { ...draft, conversationId, clientId: draft.clientId ?? newClientId() };
		const { message } = await this.#ask("send_message", payload);
		await this.#receive(message);
		return message;
	}

	/** Everything up to `seq`, by default everything, is read. */
	async markRead(conversationId: string, seq?: number): Promise<Omit<ReadState, "conversationId">> {
		const { readSeq, unreadCount } = await this.#ask("mark_read", { conversationId, ...(seq !== undefined && { seq }) });
		return { readSeq, unreadCount };
	}

	/** The other side sees it for 3 seconds, or until a message or `stopTyping`: say it again every 2 seconds. */
	async startTyping(conversationId: string): Promise<void> {
		await this.#ask("typing_start", { conversationId }, typingMs);
	}

	async stopTyping(conversationId: string): Promise<void> {
		await this.#ask("typing_stop", { conversationId }, typingMs);
	}

	/** Of this device; others see a person online as long as one device is. */
	async setPresence(status: "online" | "away"): Promise<void> {
		this.#status = status;
		await this.#ask("set_presence", { status });
	}

	/** Of somebody with whom a conversation is shared. */
	presence(userId: string): Promise<Presence> {
		return this.call("presence.get", { userId });
	}

	/** A query under its action's name: `call("messages.list", { conversationId, before: 51 })`. The caller names its result. */
	async call<Result>(action: string, params: object = {}): Promise<Result> {
		const [error, result] = await this.#connection.request("call", [action, params], this.#ackTimeoutMs);
		if (error) throw new ParleyApiError(error as ErrorBody);
		return result as Result;
	}

	/** Renews the connection's token, which otherwise ends with the one that it was made with. */
	async authenticate(token?: string): Promise<{ userId: string; expiresAt: Time }> {
		const { userId, expiresAt } = await this.#ask("authenticate", { token: token ?? (await currentToken(this.#token)) });
		return { userId, expiresAt };
	}

	readonly #heard: { [Name in keyof ServerEvents]: (payload: ServerEvents[Name], acknowledge: () => void) => void } = {
		message_sent: ({ message }) => void this.#receive(message),
		message_received: ({ message }, acknowledge) => void this.#receive(message, acknowledge),
		message_delivered: (receipt) =>
			this.#apply("message_delivered", receipt.conversationId, receipt, (state) => state.delivered(receipt)),
		message_read: (receipt) => this.#apply("message_read", receipt.conversationId, receipt, (state) => state.read(receipt)),
		unread_count: (unread) =>
			this.#apply("unread_count", unread.conversationId, this.#withNewestTotal(unread), (state) => state.unread(unread)),
		conversation_updated: (updated) =>
			this.#apply("conversation_updated", updated.conversation.id, updated, (state) => state.update(updated.conversation)),
		user_online: (presence) => this.#events.emit("user_online", presence),
		user_away: (presence) => this.#events.emit("user_away", presence),
		user_offline: (presence) => this.#events.emit("user_offline", presence),
		user_typing: (typing) => {
			if (typing.typing) this.#typists.set(typing.conversationId, typing);
			else this.#typists.delete(typing.conversationId);
			this.#events.emit("user_typing", typing);
		},
		server_draining: (draining) => this.#events.emit("server_draining", draining),
		error: (error) => this.#events.emit("error", error),
	};

	/** A new connection knows nothing of the one before. */
	#resume(): void {
		for (const conversationId of this.#joined) this.#connection.tell("join_conversation", { conversationId });
		if (this.#status !== "online") this.#connection.tell("set_presence", { status: this.#status });
		// That they stopped may have been said while nobody listened.
		for (const typing of this.#typists.values()) this.#events.emit("user_typing", { ...typing, typing: false });
		this.#typists.clear();
		this.#events.emit("connected", {});
		void this.#catchUp();
	}

	#apply<Name extends keyof ChatEvents>(
		event: Name,
		conversationId: string,
		payload: ChatEvents[Name],
		change: (state: ConversationState) => unknown,
	): void {
		void this.#inOrder(() => {
			const state = this.#states.get(conversationId);
			// False: it is older than what is known.
			if (state && change(state) === false) return;
			this.#events.emit(event, payload);
		});
	}

	/** Counts may overtake each other, also those of two conversations. */
	#withNewestTotal(unread: ServerEvents["unread_count"]): ServerEvents["unread_count"] {
		const total = { count: unread.total, lastSeq: unread.totalLastSeq };
		if (!this.#unreadTotal || !isOlder(total, this.#unreadTotal)) this.#unreadTotal = total;
		return { ...unread, total: this.#unreadTotal.count, totalLastSeq: this.#unreadTotal.lastSeq };
	}

	async #receive(message: Message, acknowledge?: () => void): Promise<void> {
		const { conversationId, seq } = message;
		const outcome = await this.#inOrder(() => this.#add(this.#states.get(conversationId), message));
		if (outcome === "gap") await this.#catchUp();
		if ((this.#states.get(conversationId)?.lastSeq ?? 0) >= seq) acknowledge?.();
	}

	/** Asks `sync`, once for all who want it before the question goes out. Never rejects. */
	#catchUp(): Promise<void> {
		this.#syncing ??= this.#inOrder(async () => {
			this.#syncing = undefined;
			if (this.#connection.isConnected) await this.#sync();
		}).catch((error: unknown) => {
			// Without a connection there is nothing to repeat: the next one begins with it.
			if (!this.#connection.isConnected) return;
			const { code, message } = error instanceof ParleyApiError ? error : { code: "INTERNAL" as const, message: String(error) };
			this.#events.emit("error", { code, message });
			clearTimeout(this.#resyncing);
			this.#resyncing = setTimeout(() => void this.#catchUp(), this.#reconnectDelayMs);
		});
		return this.#syncing;
	}

	async #sync(): Promise<void> {
		const answer = await this.#ask("sync", this.#cursor === undefined ? {} : { since: this.#cursor });
		const isAfresh = this.#cursor === undefined || answer.reset;
		if (isAfresh) this.#unreadTotal = undefined;
		const told = new Set(answer.conversations.map(({ id }) => id));
		for (const snapshot of answer.conversations) await this.#take(snapshot, isAfresh);
		if (isAfresh) for (const id of this.#states.keys()) if (!told.has(id)) await this.#restart(id);
		this.#cursor = answer.nextSince;
		this.#events.emit("synced", { conversationIds: [...told] });
	}

	/** Takes over what the server says of a conversation: all that counts, if `isAfresh`, or what is new or changed. */
	async #take(snapshot: Snapshot, isAfresh: boolean): Promise<void> {
		const { messages, hasMore: _, ...conversation } = snapshot;
		const known = this.#states.get(conversation.id);
		if (!known && isAfresh) return void this.#keep(snapshot);
		const state = known ?? (await this.#discover(snapshot));
		if (!state) return;
		state.replace(conversation);
		for (const message of messages) {
			state.change(message);
			if (this.#add(state, message) === "added") continue;
			if (message.seq > state.lastSeq) await this.#fill(state, message);
		}
		if (isAfresh) state.restart(conversation, messages);
	}

	/** What is there already is history, and no news. */
	#keep({ messages, hasMore: _, ...conversation }: Snapshot): ConversationState {
		const state = new ConversationState(conversation, 0);
		state.restart(conversation, messages);
		this.#states.set(conversation.id, state);
		return state;
	}

	/** A conversation that was not known, with history up to its first new message; undefined when there is none. */
	async #discover({ messages, hasMore: _, ...conversation }: Snapshot): Promise<ConversationState | undefined> {
		const head = messages.at(-1)?.seq ?? 0;
		const firstNew = messages.find(({ seq }, index) => head - seq === messages.length - 1 - index)?.seq ?? 0;
		if (head === 0 || head < conversation.lastSeq) return undefined;
		const { items } = await this.#list(conversation.id, { before: firstNew });
		const state = new ConversationState(conversation, firstNew - 1);
		state.prepend(items);
		this.#states.set(conversation.id, state);
		return state;
	}

	/** Nothing was said of a conversation where all was to be said anew. After a restore the server may not have it any more. */
	async #restart(conversationId: string): Promise<void> {
		try {
			if (this.#joined.has(conversationId)) return await this.#take(await this.#load(conversationId), true);
		} catch (error) {
			if (!(error instanceof ParleyApiError) || error.code !== "NOT_FOUND") throw error;
			this.#joined.delete(conversationId);
		}
		this.#states.delete(conversationId);
	}

	/** The messages between the last one that is here and this one, and this one. */
	async #fill(state: ConversationState, next: Message): Promise<void> {
		for (let hasMore = true; hasMore && state.lastSeq < next.seq; ) {
			const page = await this.#list(next.conversationId, { after: state.lastSeq, limit: 100 });
			for (const message of page.items) if (message.seq <= next.seq) this.#add(state, message);
			hasMore = page.hasMore;
		}
	}

	async #load(conversationId: string): Promise<Snapshot> {
		const conversation = await this.call<Conversation>("conversations.get", { conversationId });
		const { items, hasMore } = await this.#list(conversationId, {});
		return { ...conversation, messages: items.toReversed(), hasMore };
	}

	#list(conversationId: string, query: { before?: number; after?: number; limit?: number }): Promise<MessagePage> {
		return this.call("messages.list", { conversationId, ...query });
	}

	/** Of a conversation that is not known every message is missed. */
	#add(state: ConversationState | undefined, message: Message): "added" | "duplicate" | "gap" {
		const outcome = state?.add(message) ?? "gap";
		if (outcome === "added") this.#events.emit("message", { message });
		return outcome;
	}

	/** One thing at a time, so that what loading brings and what events bring do not overtake each other. */
	#inOrder<Result>(job: () => Result | Promise<Result>): Promise<Result> {
		const result = this.#queue.then(job);
		this.#queue = result.catch(() => undefined);
		return result;
	}

	async #ask<Name extends keyof ClientEvents>(
		event: Name,
		payload: ClientEvents[Name]["payload"],
		timeoutMs: number | undefined = event === "send_message" ? undefined : this.#ackTimeoutMs,
	): Promise<ClientEvents[Name]["answer"]> {
		const [ack] = (await this.#connection.request(event, [payload], timeoutMs)) as [Ack<ClientEvents[Name]["answer"]>];
		if (!ack.ok) throw new ParleyApiError(ack.error);
		return ack;
	}
}
