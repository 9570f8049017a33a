import type { ConversationState } from "./conversation-state.ts";
import type { Message } from "./types.ts";

export interface Bounds {
	/** Default 100. */
	maxConversations?: number;
	/** In each conversation; default 200. */
	maxMessages?: number;
}

/**
 * The conversations that a client knows, in bounded memory. Conversations that are open, and those with the most recent messages, have
 * a state. Of the others only the seq of the newest message is kept, which shows whether another message is new.
 */
export class KnownConversations {
	/** Conversations that the app has open. */
	readonly opened = new Set<string>();
	/** The conversation with the oldest activity comes first. */
	readonly #states = new Map<string, ConversationState>();
	readonly #lastSeqs = new Map<string, number>();
	readonly #maxConversations: number;
	readonly #maxMessages: number;

	constructor({ maxConversations = 100, maxMessages = 200 }: Bounds) {
		this.#maxConversations = maxConversations;
		this.#maxMessages = maxMessages;
	}

	/** How many have a state. */
	get size(): number {
		return this.#states.size;
	}

	get(conversationId: string): ConversationState | undefined {
		return this.#states.get(conversationId);
	}

	/** The seq of the newest message that the app has got; undefined if the conversation is not known. */
	lastSeq(conversationId: string): number | undefined {
		return this.#states.get(conversationId)?.lastSeq ?? this.#lastSeqs.get(conversationId);
	}

	/** The ids of all known conversations, with or without a state. */
	ids(): string[] {
		return [...this.#states.keys(), ...this.#lastSeqs.keys()];
	}

	/** May drop the state of the conversation with the oldest activity. */
	set(conversationId: string, state: ConversationState): void {
		state.bound(this.#maxMessages);
		this.#lastSeqs.delete(conversationId);
		this.#states.set(conversationId, state);
		this.#shrink(conversationId);
	}

	delete(conversationId: string): void {
		this.#states.delete(conversationId);
		this.#lastSeqs.delete(conversationId);
	}

	/** Adds the next message. `gap`: messages before it are missing, or the conversation is not known; nothing was changed. */
	add(message: Message): "added" | "duplicate" | "gap" {
		const { conversationId, seq } = message;
		const state = this.#states.get(conversationId);
		if (state) {
			this.#states.delete(conversationId);
			this.#states.set(conversationId, state);
			return state.add(message);
		}
		const lastSeq = this.#lastSeqs.get(conversationId);
		if (lastSeq === undefined || seq > lastSeq + 1) return "gap";
		if (seq <= lastSeq) return "duplicate";
		this.#lastSeqs.set(conversationId, seq);
		return "added";
	}

	leave(conversationId: string): void {
		this.opened.delete(conversationId);
		this.#states.get(conversationId)?.bound(this.#maxMessages);
		this.#shrink();
	}

	/** Drops states above the limit. That of `keptId` is kept, even if all others are open. */
	#shrink(keptId?: string): void {
		for (const [id, { lastSeq }] of this.#states) {
			if (this.#states.size <= this.#maxConversations) return;
			if (id === keptId || this.opened.has(id)) continue;
			this.#states.delete(id);
			this.#lastSeqs.set(id, lastSeq);
		}
	}
}
