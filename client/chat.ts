import { newClientId } from "./client-id.ts";
import { Connection, type RequestOptions } from "./connection.ts";
import { type ConversationState, type Count, isOlder } from "./conversation-state.ts";
import { Emitter } from "./emitter.ts";
import { ParleyApiError } from "./errors.ts";
import { type BaseUrl, Gateways } from "./gateways.ts";
import { Outbox, type OutgoingMessage } from "./outbox.ts";
import { Replica } from "./replica.ts";
import { RestClient } from "./rest.ts";
import { currentToken, type TokenSource } from "./token.ts";
import type { Ack, ClientEvents, Draft, ErrorBody, Message, Presence, ReadState, ServerEvents, Time } from "./types.ts";

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
	/** The first pause before a message is sent again, default 200; it grows up to sixteenfold, and is jittered. */
	resendDelayMs?: number;
}

function describe(error: unknown): ChatEvents["error"] {
	const { code, message } = error instanceof ParleyApiError ? error : { code: "INTERNAL" as const, message: String(error) };
	return { code, message };
}

/** How long somebody types after saying so. */
const typingMs = 3_000;

/**
 * A chat connection that heals itself.
 *
 * 1. The app sees each message once and in order, however it came (`Replica`).
 * 2. A pushed message is acknowledged (which makes the second tick) when it is in the state, not before. Those that came by
 *    `sync` are not: the server pushes them again.
 * 3. What is sent goes out until the server acknowledges it, with the same clientId: the server stores it once (`Outbox`).
 */
export class ChatClient {
	readonly rest: RestClient;
	readonly #token: TokenSource;
	readonly #ackTimeoutMs: number;
	readonly #connection: Connection;
	readonly #events = new Emitter<ChatEvents>();
	readonly #replica: Replica;
	readonly #outbox: Outbox;
	/** Who types, by conversation. */
	readonly #typists = new Map<string, ServerEvents["user_typing"]>();
	#status: "online" | "away" = "online";
	/** Over all conversations; undefined until it is heard of. */
	#unreadTotal: Count | undefined;

	constructor({ baseUrl, token, ackTimeoutMs = 10_000, reconnectDelayMs = 1_000, resendDelayMs = 200 }: ChatOptions) {
		const gateways = new Gateways(baseUrl);
		this.rest = new RestClient({ baseUrl: gateways, token });
		this.#token = token;
		this.#ackTimeoutMs = ackTimeoutMs;
		this.#outbox = new Outbox((message) => this.#sendOnce(message), resendDelayMs);
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
		const connection = this.#connection;
		this.#replica = new Replica(
			{
				get isConnected() {
					return connection.isConnected;
				},
				sync: (since) => this.#ask("sync", since === undefined ? {} : { since }),
				query: (action, params) => this.call(action, params),
			},
			{
				news: (message) => this.#events.emit("message", { message }),
				startsAfresh: () => {
					this.#unreadTotal = undefined;
				},
				synced: (conversationIds) => this.#events.emit("synced", { conversationIds }),
				failed: (error) => this.#events.emit("error", describe(error)),
			},
			reconnectDelayMs,
		);
	}

	/** Resolves when connected; rejects at the first failure. If that was the network, the client goes on trying until `close`. */
	connect(): Promise<void> {
		return this.#connection.connect();
	}

	/** Disconnects until `connect`. Sends that were not acknowledged are rejected: whether they arrived is not known. */
	close(): void {
		this.#replica.pause();
		this.#outbox.close();
		this.#connection.close();
	}

	/** Returns the function that ends the subscription. */
	on<Name extends keyof ChatEvents>(event: Name, handler: (payload: ChatEvents[Name]) => void): () => void {
		return this.#events.on(event, handler);
	}

	/** The conversation with its newest messages; it stays up to date, and from now on the other side's typing is heard. */
	async open(conversationId: string): Promise<ConversationState> {
		const state = await this.#replica.load(conversationId);
		if (!this.#replica.opened.has(conversationId)) {
			await this.#ask("join_conversation", { conversationId });
			this.#replica.opened.add(conversationId);
		}
		return state;
	}

	/** What is known of a conversation, without asking the server. */
	state(conversationId: string): ConversationState | undefined {
		return this.#replica.state(conversationId);
	}

	/**
	 * Resolves with the stored message (one tick), which is in the state by then. While disconnected, and while the server is not
	 * available, it waits and is tried again: until it is stored, or refused (as by RATE_LIMITED or INTERNAL), or until `close`.
	 * The error has the `clientId`, with which it can be sent again, also after a restart of the app.
	 */
	async send(conversationId: string, draft: Draft): Promise<Message> {
		const message = await this.#outbox.send({ ...draft, conversationId, clientId: draft.clientId ?? newClientId() });
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
		for (const conversationId of this.#replica.opened) this.#connection.tell("join_conversation", { conversationId });
		if (this.#status !== "online") this.#connection.tell("set_presence", { status: this.#status });
		// That they stopped may have been said while nobody listened.
		for (const typing of this.#typists.values()) this.#events.emit("user_typing", { ...typing, typing: false });
		this.#typists.clear();
		this.#events.emit("connected", {});
		this.#outbox.retryNow();
		void this.#replica.catchUp();
	}

	#apply<Name extends keyof ChatEvents>(
		event: Name,
		conversationId: string,
		payload: ChatEvents[Name],
		change: (state: ConversationState) => unknown,
	): void {
		this.#replica.apply(conversationId, change, () => this.#events.emit(event, payload));
	}

	/** Counts may overtake each other, also those of two conversations. */
	#withNewestTotal(unread: ServerEvents["unread_count"]): ServerEvents["unread_count"] {
		const total = { count: unread.total, lastSeq: unread.totalLastSeq };
		if (!this.#unreadTotal || !isOlder(total, this.#unreadTotal)) this.#unreadTotal = total;
		return { ...unread, total: this.#unreadTotal.count, totalLastSeq: this.#unreadTotal.lastSeq };
	}

	async #receive(message: Message, acknowledge?: () => void): Promise<void> {
		if (await this.#replica.receive(message)) acknowledge?.();
	}

	async #sendOnce(message: OutgoingMessage): Promise<Message> {
		return (await this.#ask("send_message", message, this.#ackTimeoutMs, { counts: "connected" })).message;
	}

	async #ask<Name extends keyof ClientEvents>(
		event: Name,
		payload: ClientEvents[Name]["payload"],
		timeoutMs = this.#ackTimeoutMs,
		options: RequestOptions = {},
	): Promise<ClientEvents[Name]["answer"]> {
		const answer = await this.#connection.request(event, [payload], timeoutMs, options);
		const [ack] = answer as [Ack<ClientEvents[Name]["answer"]>];
		if (!ack.ok) throw new ParleyApiError(ack.error);
		return ack;
	}
}
