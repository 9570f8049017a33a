import { type ChatEvents, errorEventOf, refusedEventOf } from "./chat-events.ts";
import { newClientId } from "./client-id.ts";
import { Connection, type RequestOptions } from "./connection.ts";
import type { ConversationState } from "./conversation-state.ts";
import { Emitter } from "./emitter.ts";
import { closedError, ParleyApiError } from "./errors.ts";
import { type BaseUrl, Gateways } from "./gateways.ts";
import type { Bounds } from "./known-conversations.ts";
import { Outbox, type OutgoingMessage } from "./outbox.ts";
import { Replica } from "./replica.ts";
import { RestClient } from "./rest.ts";
import { ServerEventHandler } from "./server-event-handler.ts";
import { type TokenSource, Tokens } from "./token.ts";
import type { Ack, ClientEvents, Draft, ErrorBody, Message, Presence, ReadState, Time } from "./types.ts";

export type { ChatEvents };

export interface ChatOptions extends Bounds {
	baseUrl: BaseUrl;
	/** A function is asked at every connection, so that a renewed token is used, and again when a token is refused. */
	token: TokenSource;
	/** How long an answer, the acceptance of a connection, or a token may take; default 10,000. */
	ackTimeoutMs?: number;
	/** The first pause before reconnecting, default 1,000. It grows up to fivefold, and is jittered. */
	reconnectDelayMs?: number;
	/** The first pause before a message is sent again, default 200. It grows up to sixteenfold, and is jittered. */
	resendDelayMs?: number;
}

/** How long a report of typing is valid. A later answer would be useless. */
const typingMs = 3_000;

/**
 * A chat client that reconnects and catches up by itself. This class is the API for apps; server-event-handler.ts applies the
 * server's events.
 *
 * 1. The app gets each message once and in order, whether it was pushed or came by `sync` (`Replica`).
 * 2. A pushed message is acknowledged (which makes the second tick) when it is in the state, not before. Messages that came by
 *    `sync` are not acknowledged: the server pushes them again.
 * 3. A message is sent again, with the same clientId, until the server acknowledges it. The server stores it once (`Outbox`).
 * 4. Memory is bounded: see `maxConversations` and `maxMessages`, `loadOlder` and `leave`.
 */
export class ChatClient {
	readonly rest: RestClient;
	readonly #tokens: Tokens;
	readonly #ackTimeoutMs: number;
	readonly #connection: Connection;
	readonly #events = new Emitter<ChatEvents>((event, error) => this.#handlerFailed(event, error));
	readonly #replica: Replica;
	readonly #outbox: Outbox;
	readonly #handler: ServerEventHandler;
	#status: "online" | "away" = "online";

	constructor({ baseUrl, token, ackTimeoutMs = 10_000, reconnectDelayMs = 1_000, resendDelayMs = 200, ...bounds }: ChatOptions) {
		const gateways = new Gateways(baseUrl);
		this.#tokens = new Tokens(token);
		this.rest = new RestClient({ baseUrl: gateways, token: this.#tokens });
		this.#ackTimeoutMs = ackTimeoutMs;
		this.#outbox = new Outbox((message) => this.#sendOnce(message), resendDelayMs);
		this.#connection = new Connection(
			{ gateways, tokens: this.#tokens, timeoutMs: ackTimeoutMs, reconnectDelayMs },
			{
				connected: () => this.#resume(),
				disconnected: (reason) => this.#events.emit("disconnected", { reason }),
				refused: (error, isFinal) => this.#refused(error, isFinal),
				received: (event, payload, acknowledge) => void this.#handler.handle(event, payload, acknowledge),
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
				added: (message) => this.#events.emit("message", { message }),
				reset: () => this.#handler.resetUnreadTotal(),
				synced: (conversationIds) => this.#events.emit("synced", { conversationIds }),
				failed: (error) => this.#events.emit("error", errorEventOf(error)),
			},
			reconnectDelayMs,
			bounds,
		);
		this.#handler = new ServerEventHandler(this.#replica, this.#events);
	}

	get isConnected(): boolean {
		return this.#connection.isConnected;
	}

	/** Resolves when connected; rejects at the first failure. Unless that is final (`refused`), the client keeps trying until `close`. */
	connect(): Promise<void> {
		return this.#connection.connect();
	}

	/**
	 * Disconnects until `connect`. Sends without an acknowledgement are rejected: it is not known whether they arrived. All later
	 * requests are rejected at once.
	 */
	close(): void {
		this.#replica.pause();
		this.#outbox.close(closedError());
		this.#connection.close();
	}

	/** To be called when the device has woken up or changed its network: replaces a dead connection within 5 s. */
	check(): void {
		this.#connection.check();
	}

	/** Returns the function that ends the subscription. */
	on<Name extends keyof ChatEvents>(event: Name, handler: (payload: ChatEvents[Name]) => void): () => void {
		return this.#events.on(event, handler);
	}

	/** Loads the conversation with its newest messages. Until `leave` it is kept up to date, and `user_typing` events come. */
	async open(conversationId: string): Promise<ConversationState> {
		await this.#replica.load(conversationId);
		if (!this.#replica.opened.has(conversationId)) {
			await this.#ask("join_conversation", { conversationId });
			this.#replica.opened.add(conversationId);
		}
		// Before it was open, its state could be dropped.
		return this.#replica.load(conversationId);
	}

	/** The counterpart of `open`: the state may be dropped, and `user_typing` events end. New messages still come as `message`. */
	leave(conversationId: string): void {
		this.#replica.leave(conversationId);
		this.#handler.forgetTyping(conversationId);
		this.#connection.notify("leave_conversation", { conversationId });
	}

	/** Loads up to `limit` (at most 100) older messages into the state. Resolves with whether there are still older ones. */
	loadOlder(conversationId: string, limit = 50): Promise<boolean> {
		return this.#replica.loadOlder(conversationId, limit);
	}

	/**
	 * The state of a conversation, without asking the server. Undefined if it is not kept: of conversations that are not open, only
	 * the most recent ones are (`maxConversations`). `open` loads it.
	 */
	state(conversationId: string): ConversationState | undefined {
		return this.#replica.state(conversationId);
	}

	/**
	 * Resolves with the stored message (one tick), when it is in the state. While the client is disconnected or the server is not
	 * available, the message waits and is sent again, until it is stored or refused (for example RATE_LIMITED or INTERNAL), or until
	 * `close`. Before `connect` and after `close`, it rejects at once. The error has the `clientId`, with which the message can be
	 * sent again, also after a restart of the app.
	 */
	async send(conversationId: string, draft: Draft): Promise<Message> {
		const { clientId = newClientId() } = draft;
		if (!this.#connection.isWanted) throw closedError().about({ clientId });
		const message = await this.#outbox.send({ ...draft, conversationId, clientId });
		await this.#handler.receive(message);
		return message;
	}

	/** Marks all messages up to `seq` as read, by default all messages. */
	async markRead(conversationId: string, seq?: number): Promise<Omit<ReadState, "conversationId">> {
		const { readSeq, unreadCount } = await this.#ask("mark_read", { conversationId, ...(seq !== undefined && { seq }) });
		return { readSeq, unreadCount };
	}

	/** The other side sees it for 3 seconds, or until a message or `stopTyping`. To be repeated every 2 seconds. */
	async startTyping(conversationId: string): Promise<void> {
		await this.#ask("typing_start", { conversationId }, typingMs);
	}

	async stopTyping(conversationId: string): Promise<void> {
		await this.#ask("typing_stop", { conversationId }, typingMs);
	}

	/** Sets the status of this device. Others see a person online as long as one device is online. */
	async setPresence(status: "online" | "away"): Promise<void> {
		this.#status = status;
		await this.#ask("set_presence", { status });
	}

	/** The presence of someone with whom the user shares a conversation. */
	presence(userId: string): Promise<Presence> {
		return this.call("presence.get", { userId });
	}

	/** Calls a query by its action's name: `call("messages.list", { conversationId, before: 51 })`. The caller names the result type. */
	async call<Result>(action: string, params: object = {}): Promise<Result> {
		const [error, result] = await this.#connection.request("call", [action, params], this.#ackTimeoutMs);
		if (error) throw new ParleyApiError(error as ErrorBody);
		return result as Result;
	}

	/** Renews the token of the connection. Otherwise the connection ends when its first token expires. */
	async authenticate(token?: string): Promise<{ userId: string; expiresAt: Time }> {
		const { userId, expiresAt } = await this.#ask("authenticate", {
			token: token ?? (await this.#tokens.current(this.#ackTimeoutMs)),
		});
		return { userId, expiresAt };
	}

	#refused(error: ParleyApiError, isFinal: boolean): void {
		if (isFinal) {
			this.#replica.pause();
			this.#outbox.close(error);
		}
		this.#events.emit("refused", refusedEventOf(error, isFinal));
	}

	#handlerFailed(event: keyof ChatEvents, cause: unknown): void {
		if (event === "error") return;
		const message = `A handler of "${event}" failed: ${String(cause)}`;
		this.#events.emit("error", { code: "HANDLER_FAILED", message, cause });
	}

	/** Restores on a new connection what the server kept for the last one. */
	#resume(): void {
		for (const conversationId of this.#replica.opened) this.#connection.notify("join_conversation", { conversationId });
		if (this.#status !== "online") this.#connection.notify("set_presence", { status: this.#status });
		this.#handler.endTyping();
		this.#events.emit("connected", {});
		this.#outbox.retryNow();
		void this.#replica.catchUp();
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
