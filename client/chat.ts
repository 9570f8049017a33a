import { io, type Socket } from "socket.io-client";
import { newClientId } from "./client-id.ts";
import { ConversationState } from "./conversation-state.ts";
import { Emitter } from "./emitter.ts";
import { ParleyApiError } from "./errors.ts";
import { RestClient } from "./rest.ts";
import { currentToken, type TokenSource } from "./token.ts";
import type { Ack, Draft, ErrorBody, Message, ReadState, ServerEvents, Time } from "./types.ts";

/** What an app hears: the server's events, with both kinds of messages made one, and the state of the connection. */
export interface ChatEvents extends Omit<ServerEvents, "message_sent" | "message_received" | "error"> {
	/** A new message, mine or the other side's: each once, in seq order, whether it was pushed or caught up with. */
	message: { message: Message };
	connected: Record<never, never>;
	/** The client connects again by itself. */
	disconnected: { reason: string };
	/** The server did not accept the token; `connect` tries again. */
	refused: ErrorBody;
	/** Something in the background failed: the server said so, or catching up did not work (it is tried again). */
	error: Omit<ErrorBody, "code"> & { code: ParleyApiError["code"] };
}

/**
 * A chat connection that heals itself. Messages arrive at least once and in any order after a reconnect; the app sees each
 * once, in order:
 *
 * 1. Every conversation that is open, or in which a message arrived, has a `ConversationState`. A message that does not
 *    follow the last one there means that some were missed: they are loaded over REST first.
 * 2. After a reconnect every such conversation is loaded afresh and catches up the same way.
 * 3. A message is acknowledged to the server (which makes the second tick) when it is in the state, not before.
 * 4. A send stays in the outbox until the server acknowledges it, and goes out again with the same clientId after a
 *    reconnect: the server stores it once.
 */
export class ChatClient {
	readonly rest: RestClient;
	readonly #token: TokenSource;
	readonly #ackTimeoutMs: number;
	readonly #socket: Socket<Incoming, Outgoing>;
	readonly #events = new Emitter<ChatEvents>();
	readonly #states = new Map<string, ConversationState>();
	readonly #queues = new Map<string, Promise<unknown>>();
	readonly #outbox = new Set<Outbound>();

	/**
	 * `token` may be a function, asked at every connection, so that a renewed token is used. `reconnectDelayMs` (1,000) is the
	 * first pause before connecting again; it grows up to fivefold, and is jittered.
	 */
	constructor(options: { baseUrl: string; token: TokenSource; ackTimeoutMs?: number; reconnectDelayMs?: number }) {
		this.rest = new RestClient(options);
		this.#token = options.token;
		this.#ackTimeoutMs = options.ackTimeoutMs ?? 10_000;
		this.#socket = io(`${options.baseUrl.replace(/\/+$/, "")}/messaging`, {
			autoConnect: false,
			forceNew: true,
			reconnectionDelay: options.reconnectDelayMs ?? 1000,
			reconnectionDelayMax: 5 * (options.reconnectDelayMs ?? 1000),
			transports: ["websocket", "polling"],
			tryAllTransports: true,
			// Without a token the server refuses the connection, which is how a failed token source becomes known.
			auth: (give) =>
				void currentToken(this.#token).then(
					(token) => give({ token }),
					() => give({ token: "" }),
				),
		});
		this.#listen();
	}

	/** Resolves when connected; rejects at the first failure. If that was the network, the client goes on trying until `close`. */
	connect(): Promise<void> {
		return new Promise((resolve, reject) => {
			const settle = (done: () => void) => {
				this.#socket.off("connect", connected).off("connect_error", failed);
				done();
			};
			const connected = () => settle(resolve);
			const failed = (error: Error & { data?: ErrorBody }) =>
				settle(() => reject(new ParleyApiError(error.data ?? { code: "NETWORK", message: error.message }, { cause: error })));
			this.#socket.on("connect", connected).on("connect_error", failed).connect();
		});
	}

	/** Disconnects for good. Sends that were not acknowledged are rejected: whether they arrived is not known. */
	close(): void {
		this.#socket.disconnect();
		for (const { reject } of this.#outbox)
			reject(new ParleyApiError({ code: "NETWORK", message: "Closed before an answer came." }));
		this.#outbox.clear();
	}

	/** Returns the function that ends the subscription. */
	on<Name extends keyof ChatEvents>(event: Name, handler: (payload: ChatEvents[Name]) => void): () => void {
		return this.#events.on(event, handler);
	}

	/** The conversation with its newest messages; from now on it stays up to date. */
	open(conversationId: string): Promise<ConversationState> {
		return this.#inOrder(conversationId, () => this.#states.get(conversationId) ?? this.#load(conversationId));
	}

	/** What is known of a conversation, without asking the server. */
	state(conversationId: string): ConversationState | undefined {
		return this.#states.get(conversationId);
	}

	/** Resolves with the stored message (one tick), which is in the state by then. While disconnected it waits, and goes out at the next connection. */
	send(conversationId: string, draft: Draft): Promise<Message> {
		return new Promise((resolve, reject) => {
			const payload = { ...draft, conversationId, clientId: draft.clientId ?? newClientId() };
			const outbound = { payload, resolve, reject };
			this.#outbox.add(outbound);
			if (this.#socket.connected) this.#transmit(outbound);
		});
	}

	/** Everything up to `seq`, by default everything, is read. */
	async markRead(conversationId: string, seq?: number): Promise<Omit<ReadState, "conversationId">> {
		const payload = seq === undefined ? { conversationId } : { conversationId, seq };
		const { readSeq, unreadCount } = await this.#ask<ReadState>((ack) => this.#withTimeout().emit("mark_read", payload, ack));
		return { readSeq, unreadCount };
	}

	/** A query under its action's name: `call("messages.list", { conversationId, before: 51 })`. The caller names its result. */
	call<Result>(action: string, params: object = {}): Promise<Result> {
		return new Promise((resolve, reject) => {
			this.#withTimeout().emit("call", action, params, (timeout, error, result) => {
				if (timeout) reject(noAnswer(timeout));
				else if (error) reject(new ParleyApiError(error));
				else resolve(result as Result);
			});
		});
	}

	/** Renews the connection's token, which otherwise ends with the one that it was made with. */
	async authenticate(token?: string): Promise<{ userId: string; expiresAt: Time }> {
		const payload = { token: token ?? (await currentToken(this.#token)) };
		const { userId, expiresAt } = await this.#ask<Session>((ack) => this.#withTimeout().emit("authenticate", payload, ack));
		return { userId, expiresAt };
	}

	#listen(): void {
		const pass = <Name extends keyof ChatEvents>(event: Name, payload: ChatEvents[Name]) => this.#events.emit(event, payload);
		this.#socket
			.on("connect", () => {
				pass("connected", {});
				for (const outbound of this.#outbox) this.#transmit(outbound);
				for (const id of this.#states.keys()) this.#background(id, () => this.#refresh(id));
			})
			.on("disconnect", (reason) => {
				pass("disconnected", { reason });
				// socket.io reconnects after every other reason; after this one (an expired token, a drain) it waits to be told.
				if (reason === "io server disconnect") this.#socket.connect();
			})
			.on("connect_error", (error: Error & { data?: ErrorBody }) => {
				if (error.data) pass("refused", error.data);
			})
			.on("message_sent", ({ message }) => this.#receive(message))
			.on("message_received", ({ message }, acknowledge) => this.#receive(message, acknowledge))
			.on("message_delivered", (receipt) => {
				this.#apply("message_delivered", receipt.conversationId, receipt, (state) => state.delivered(receipt));
			})
			.on("message_read", (receipt) => {
				this.#apply("message_read", receipt.conversationId, receipt, (state) => state.read(receipt));
			})
			.on("unread_count", (unread) => {
				this.#apply("unread_count", unread.conversationId, unread, (state) => state.unread(unread.count));
			})
			.on("conversation_updated", (updated) => {
				this.#apply("conversation_updated", updated.conversation.id, updated, (state) => state.update(updated.conversation));
			})
			.on("user_online", (payload) => pass("user_online", payload))
			.on("user_offline", (payload) => pass("user_offline", payload))
			.on("user_away", (payload) => pass("user_away", payload))
			.on("user_typing", (payload) => pass("user_typing", payload))
			.on("server_draining", (payload) => pass("server_draining", payload))
			.on("error", (payload) => pass("error", payload));
	}

	#apply<Name extends keyof ChatEvents>(
		event: Name,
		conversationId: string,
		payload: ChatEvents[Name],
		change: (state: ConversationState) => void,
	): void {
		this.#background(conversationId, () => {
			const state = this.#states.get(conversationId);
			if (state) change(state);
			this.#events.emit(event, payload);
		});
	}

	#receive(message: Message, acknowledge?: () => void): Promise<void> {
		const { conversationId, seq } = message;
		return this.#background(conversationId, async () => {
			const state = this.#states.get(conversationId) ?? (await this.#load(conversationId, seq));
			if (this.#add(state, message) === "gap") await this.#catchUp(state);
			if (state.lastSeq >= seq) acknowledge?.();
		});
	}

	/** `before`: history up to there only, so that the message which made the conversation known is still news. */
	async #load(conversationId: string, before?: number): Promise<ConversationState> {
		const conversation = await this.rest.getConversation(conversationId);
		const { items } = await this.rest.listMessages(conversationId, before === undefined ? {} : { before });
		const state = new ConversationState(conversation, items[0]?.seq ?? 0);
		state.prepend(items);
		this.#states.set(conversationId, state);
		return state;
	}

	async #refresh(conversationId: string): Promise<void> {
		const state = this.#states.get(conversationId);
		if (!state) return;
		state.replace(await this.rest.getConversation(conversationId));
		await this.#catchUp(state);
	}

	async #catchUp(state: ConversationState): Promise<void> {
		for (let hasMore = true; hasMore; ) {
			const page = await this.rest.listMessages(state.conversation.id, { after: state.lastSeq, limit: 100 });
			for (const message of page.items) this.#add(state, message);
			hasMore = page.hasMore;
		}
	}

	#add(state: ConversationState, message: Message) {
		const outcome = state.add(message);
		if (outcome === "added") this.#events.emit("message", { message });
		return outcome;
	}

	#transmit(outbound: Outbound): void {
		this.#socket.emit("send_message", outbound.payload, (ack) => {
			if (!this.#outbox.delete(outbound)) return;
			if (!ack.ok) return outbound.reject(new ParleyApiError(ack.error));
			this.#receive(ack.message).finally(() => outbound.resolve(ack.message));
		});
	}

	/** One thing at a time in a conversation, so that what loading brings and what events bring do not overtake each other. */
	#inOrder<Result>(conversationId: string, job: () => Result | Promise<Result>): Promise<Result> {
		const result = (this.#queues.get(conversationId) ?? Promise.resolve()).then(job);
		const ended = result.catch(() => undefined);
		this.#queues.set(conversationId, ended);
		return result;
	}

	#background(conversationId: string, job: () => void | Promise<void>): Promise<void> {
		return this.#inOrder(conversationId, job).catch((error: unknown) => {
			const { code, message } = error instanceof ParleyApiError ? error : { code: "INTERNAL" as const, message: String(error) };
			this.#events.emit("error", { code, message });
		});
	}

	#withTimeout() {
		return this.#socket.timeout(this.#ackTimeoutMs);
	}

	#ask<Result>(emit: (acknowledge: (timeout: Error | null, ack: Ack<Result>) => void) => void): Promise<Result> {
		return new Promise((resolve, reject) => {
			emit((timeout, ack) => {
				if (timeout) reject(noAnswer(timeout));
				else if (ack.ok) resolve(ack);
				else reject(new ParleyApiError(ack.error));
			});
		});
	}
}

function noAnswer(cause: Error): ParleyApiError {
	return new ParleyApiError({ code: "NETWORK", message: "No answer from the server." }, { cause });
}

type Session = { userId: string; expiresAt: Time };
type Sending = Draft & { conversationId: string; clientId: string };
type Outbound = { payload: Sending; resolve: (message: Message) => void; reject: (error: ParleyApiError) => void };

type Incoming = { [Name in keyof ServerEvents]: (payload: ServerEvents[Name], acknowledge: () => void) => void };

interface Outgoing {
	authenticate: (payload: { token: string }, ack: (ack: Ack<Session>) => void) => void;
	send_message: (payload: Sending, ack: (ack: Ack<{ message: Message }>) => void) => void;
	mark_read: (payload: { conversationId: string; seq?: number }, ack: (ack: Ack<ReadState>) => void) => void;
	call: (action: string, params: object, ack: (error: ErrorBody | null, result: unknown) => void) => void;
}
