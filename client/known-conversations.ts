import type { ConversationState } from "./conversation-state.ts";
import type { Message } from "./types.ts";

export interface Bounds {
	/** Default 100. */
	maxConversations?: number;
	/** Of each conversation; default 200. */
	maxMessages?: number;
}

/**
 * The conversations that a client knows, in bounded memory. Those that are open, and those in which something happened last, have a
 * state. Of the others only the seq of their newest message is kept, by which it is still seen whether a message is new.
 */
export class KnownConversations {
	/** Conversations that the app has open. */
	readonly opened = new Set<string>();
	/** The one in which nothing happened for longest comes first. */
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

	/** Of the newest message that the app was told of; undefined where the conversation is not known. */
	lastSeq(conversationId: string): number | undefined {
		return this.#states.get(conversationId)?.lastSeq ?? this.#lastSeqs.get(conversationId);
	}

	/** With or without a state. */
	ids(): string[] {
		return [...this.#states.keys(), ...this.#lastSeqs.keys()];
	}

	/** May take the state of the conversation in which nothing happened for longest. */
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

	/** Takes the next message of a conversation. `gap` means that others must come first, or that it is not known. */
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

	/** The one that is `wanted` stays, even if all others are open. */
	#shrink(wanted?: string): void {
		for (const [id, { lastSeq }] of this.#states) {
			if (this.#states.size <= this.#maxConversations) return;
			if (id === wanted || this.opened.has(id)) continue;
			this.#states.delete(id);
			this.#lastSeqs.set(id, lastSeq);
		}
	}
}
