import { newClientId } from "./client-id.ts";
import { Connection, type RequestOptions } from "./connection.ts";
import { type ConversationState, type Count, isOlder } from "./conversation-state.ts";
import { Emitter } from "./emitter.ts";
import { closedError, ParleyApiError } from "./errors.ts";
import { type BaseUrl, Gateways } from "./gateways.ts";
import type { Bounds } from "./known-conversations.ts";
import { Outbox, type OutgoingMessage } from "./outbox.ts";
import { Replica } from "./replica.ts";
import { RestClient } from "./rest.ts";
import { type TokenSource, Tokens } from "./token.ts";
import type { Ack, ClientEvents, Draft, ErrorBody, Message, Presence, ReadState, ServerEvents, Time } from "./types.ts";

/** What an app hears: the server's events, with both kinds of messages made one, and the state of the connection. */
export interface ChatEvents extends Omit<ServerEvents, "message_sent" | "message_received" | "error"> {
	/** A new message, mine or the other side's: each once, in seq order, whether it was pushed or caught up with. */
	message: { message: Message };
	connected: Record<never, never>;
	/** The client connects again by itself. */
	disconnected: { reason: string };
	/**
	 * The server did not accept the token. If that is final (the token is a fixed string, or its role may not connect), whatever was
	 * sent is rejected, and only `connect` tries again. Otherwise the token source is asked anew, after pauses that grow.
	 */
	refused: ErrorBody & { isFinal: boolean };
	/** What was missed is in the states of these conversations. */
	synced: { conversationIds: string[] };
	/**
	 * Something in the background failed: the server said so, or catching up did not work (it is tried again), or a handler of the
	 * app threw or rejected (`HANDLER_FAILED`, with what it threw as `cause`). What a handler of this event throws is dropped.
	 */
	error: Omit<ErrorBody, "code"> & { code: ParleyApiError["code"] | "HANDLER_FAILED"; cause?: unknown };
}

export interface ChatOptions extends Bounds {
	baseUrl: BaseUrl;
	/** May be a function, asked at every connection, so that a renewed token is used, and again when a token is refused. */
	token: TokenSource;
	/** How long an answer, an acceptance or a token may take, default 10,000. */
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
	/** Who types, by conversation. */
	readonly #typists = new Map<string, ServerEvents["user_typing"]>();
	#status: "online" | "away" = "online";
	/** Over all conversations; undefined until it is heard of. */
	#unreadTotal: Count | undefined;

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
				heard: (event, payload, acknowledge) => this.#hear(event, payload, acknowledge),
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
			bounds,
		);
	}

	get isConnected(): boolean {
		return this.#connection.isConnected;
	}

	/** Resolves when connected; rejects at the first failure. Unless that was final (`refused`), it goes on trying until `close`. */
	connect(): Promise<void> {
		return this.#connection.connect();
	}

	/**
	 * Disconnects until `connect`. Sends that were not acknowledged are rejected, and so is whatever is asked from now on: whether
	 * they arrived is not known.
	 */
	close(): void {
		this.#replica.pause();
		this.#outbox.close(closedError());
		this.#connection.close();
	}

	/** To be called when the device woke up or its network changed: a connection that is dead is replaced within 5 s. */
	check(): void {
		this.#connection.check();
	}

	/** Returns the function that ends the subscription. */
	on<Name extends keyof ChatEvents>(event: Name, handler: (payload: ChatEvents[Name]) => void): () => void {
		return this.#events.on(event, handler);
	}

	/** The conversation with its newest messages. Until `leave` it stays up to date, and the other side's typing is heard. */
	async open(conversationId: string): Promise<ConversationState> {
		await this.#replica.load(conversationId);
		if (!this.#replica.opened.has(conversationId)) {
			await this.#ask("join_conversation", { conversationId });
			this.#replica.opened.add(conversationId);
		}
		// Before it was open its state could be let go.
		return this.#replica.load(conversationId);
	}

	/** The counterpart of `open`: its state may be let go, and typing is heard no more. News of it still come as `message`. */
	leave(conversationId: string): void {
		this.#replica.leave(conversationId);
		this.#typists.delete(conversationId);
		this.#connection.tell("leave_conversation", { conversationId });
	}

	/** Puts up to `limit` older messages, at most 100, in front of those in the state. Resolves with whether there are still older ones. */
	loadOlder(conversationId: string, limit = 50): Promise<boolean> {
		return this.#replica.loadOlder(conversationId, limit);
	}

	/**
	 * What is known of a conversation, without asking the server. Of conversations that are not open it is kept only as long as
	 * there are not too many of them: then it is undefined, and `open` loads it.
	 */
	state(conversationId: string): ConversationState | undefined {
		return this.#replica.state(conversationId);
	}

	/**
	 * Resolves with the stored message (one tick), which is in the state by then, if there is one. While disconnected, and while the
	 * server is not available, it waits and is tried again: until it is stored, or refused (as by RATE_LIMITED or INTERNAL), or until
	 * `close`. After that, and before `connect`, it rejects at once. The error has the `clientId`, with which it can be sent again, also after a restart of the app.
	 */
	async send(conversationId: string, draft: Draft): Promise<Message> {
		const { clientId = newClientId() } = draft;
		if (!this.#connection.isWanted) throw closedError().about({ clientId });
		const message = await this.#outbox.send({ ...draft, conversationId, clientId });
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
		const { userId, expiresAt } = await this.#ask("authenticate", {
			token: token ?? (await this.#tokens.current(this.#ackTimeoutMs)),
		});
		return { userId, expiresAt };
	}

	readonly #heard: { [Name in keyof ServerEvents]: (payload: ServerEvents[Name], acknowledge: () => void) => unknown } = {
		message_sent: ({ message }) => this.#receive(message),
		message_received: ({ message }, acknowledge) => this.#receive(message, acknowledge),
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

	/** What a client does not understand, as of a newer server, must not end the app. */
	async #hear(event: string, payload: unknown, acknowledge: () => void): Promise<void> {
		// The payload belongs to the event: the server says so. An event of a newer server is not known here.
		const hear = this.#heard[event as keyof ServerEvents] as ((payload: unknown, acknowledge: () => void) => unknown) | undefined;
		try {
			await hear?.(payload, acknowledge);
		} catch (error) {
			this.#events.emit("error", describe(error));
		}
	}

	#refused(error: ParleyApiError, isFinal: boolean): void {
		if (isFinal) {
			this.#replica.pause();
			this.#outbox.close(error);
		}
		const { code, message, details } = error;
		// A refusal has a code of the server's.
		this.#events.emit("refused", {
			code: code as ErrorBody["code"],
			message,
			isFinal,
			...(details !== undefined && { details }),
		});
	}

	#handlerFailed(event: keyof ChatEvents, cause: unknown): void {
		if (event === "error") return;
		const message = `A handler of "${event}" failed: ${String(cause)}`;
		this.#events.emit("error", { code: "HANDLER_FAILED", message, cause });
	}

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
