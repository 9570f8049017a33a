import { type ChatEvents, errorEventOf } from "./chat-events.ts";
import { type ConversationState, type Count, isOlder } from "./conversation-state.ts";
import type { Emitter } from "./emitter.ts";
import type { Replica } from "./replica.ts";
import type { Message, ServerEvents } from "./types.ts";

type Handlers = { [Name in keyof ServerEvents]: (payload: ServerEvents[Name], acknowledge: () => void) => unknown };

/** Applies the server's events to the replica, and then emits them to the app. */
export class ServerEventHandler {
	readonly #replica: Replica;
	readonly #events: Emitter<ChatEvents>;
	/** The last event of each conversation in which someone is typing. */
	readonly #typing = new Map<string, ServerEvents["user_typing"]>();
	/** The unread messages in all conversations; undefined until the first event. */
	#unreadTotal: Count | undefined;

	constructor(replica: Replica, events: Emitter<ChatEvents>) {
		this.#replica = replica;
		this.#events = events;
	}

	/** Never rejects. An event that this client does not know (of a newer server) is ignored, and one that fails becomes `error`. */
	async handle(event: string, payload: unknown, acknowledge: () => void): Promise<void> {
		// The server sends each event with its own payload. TypeScript cannot connect the two here.
		const handler = this.#handlers[event as keyof ServerEvents] as ((payload: unknown, ack: () => void) => unknown) | undefined;
		try {
			await handler?.(payload, acknowledge);
		} catch (error) {
			this.#events.emit("error", errorEventOf(error));
		}
	}

	/** Adds a message to the replica. Acknowledges it when it is in the state, not before. */
	async receive(message: Message, acknowledge?: () => void): Promise<void> {
		if (await this.#replica.receive(message)) acknowledge?.();
	}

	/** Forgets who is typing in a conversation. */
	forgetTyping(conversationId: string): void {
		this.#typing.delete(conversationId);
	}

	/** Emits that all people have stopped typing, since the client may have missed those events while it was disconnected. */
	endTyping(): void {
		for (const typing of this.#typing.values()) this.#events.emit("user_typing", { ...typing, typing: false });
		this.#typing.clear();
	}

	/** The next total is taken over in any case: the last one may be of another database. */
	resetUnreadTotal(): void {
		this.#unreadTotal = undefined;
	}

	readonly #handlers: Handlers = {
		message_sent: ({ message }) => this.receive(message),
		message_received: ({ message }, acknowledge) => this.receive(message, acknowledge),
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
			if (typing.typing) this.#typing.set(typing.conversationId, typing);
			else this.#typing.delete(typing.conversationId);
			this.#events.emit("user_typing", typing);
		},
		notification: (notification) => this.#events.emit("notification", notification),
		notification_cleared: (cleared) => this.#events.emit("notification_cleared", cleared),
		server_draining: (draining) => this.#events.emit("server_draining", draining),
		error: (error) => this.#events.emit("error", error),
	};

	#apply<Name extends keyof ChatEvents>(
		event: Name,
		conversationId: string,
		payload: ChatEvents[Name],
		change: (state: ConversationState) => unknown,
	): void {
		this.#replica.apply(conversationId, change, () => this.#events.emit(event, payload));
	}

	/** Counts may overtake each other, also those of two conversations. The newest total replaces an older one in the event. */
	#withNewestTotal(unread: ServerEvents["unread_count"]): ServerEvents["unread_count"] {
		const total = { count: unread.total, lastSeq: unread.totalLastSeq };
		if (!this.#unreadTotal || !isOlder(total, this.#unreadTotal)) this.#unreadTotal = total;
		return { ...unread, total: this.#unreadTotal.count, totalLastSeq: this.#unreadTotal.lastSeq };
	}
}
