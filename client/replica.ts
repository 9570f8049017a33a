import { backoffMs } from "./backoff.ts";
import { ConversationState } from "./conversation-state.ts";
import { ParleyApiError } from "./errors.ts";
import { type Bounds, KnownConversations } from "./known-conversations.ts";
import type { Conversation, Message, MessagePage, Snapshot, SyncAnswer } from "./types.ts";

/** What is asked of the server. */
export interface ReplicaServer {
	readonly isConnected: boolean;
	sync(since: string | undefined): Promise<SyncAnswer>;
	/** A query under its action's name. The caller names its result. */
	query<Result>(action: string, params: object): Promise<Result>;
}

/** Who is told what changes. */
export interface ReplicaListener {
	/** A new message: each once, in seq order. */
	news(message: Message): void;
	/** Everything is loaded anew: what was counted before may be of another database. */
	startsAfresh(): void;
	/** What was missed is in the states of these conversations. */
	synced(conversationIds: string[]): void;
	/** It is tried again. */
	failed(error: unknown): void;
}

/** How many messages a conversation is opened with, if it has so many. */
const pageSize = 50;

/**
 * What a client knows of its conversations. Messages arrive at least once and in any order after a reconnect; here each is added
 * once, in order:
 *
 * 1. Of every conversation that `sync` told of, or that is open, at least the last seq is known (`KnownConversations`). A message
 *    that does not follow it means that some were missed, and `sync` is asked; so it is after every connection.
 * 2. What happens while `sync` is on its way waits for the answer, which may be older. The cursor moves when the answer is in
 *    the states: should anything fail before, the same is asked again.
 */
export class Replica {
	readonly #server: ReplicaServer;
	readonly #listener: ReplicaListener;
	readonly #retryMs: number;
	readonly #states: KnownConversations;
	#cursor: string | undefined;
	#syncing: Promise<void> | undefined;
	#retry: ReturnType<typeof setTimeout> | undefined;
	#failures = 0;
	#queue: Promise<unknown> = Promise.resolve();

	/** `retryMs`: the first pause before a failed `sync` is asked again. */
	constructor(server: ReplicaServer, listener: ReplicaListener, retryMs: number, bounds: Bounds) {
		this.#server = server;
		this.#listener = listener;
		this.#retryMs = retryMs;
		this.#states = new KnownConversations(bounds);
	}

	/** Conversations that the app has open. */
	get opened(): Set<string> {
		return this.#states.opened;
	}

	state(conversationId: string): ConversationState | undefined {
		return this.#states.get(conversationId);
	}

	/** The conversation with its newest messages, from the server if it is not here. */
	load(conversationId: string): Promise<ConversationState> {
		return this.#inOrder(() => this.#load(conversationId));
	}

	/** Puts older messages in front; they are kept while the conversation is open. Resolves with whether there are still older ones. */
	loadOlder(conversationId: string, limit: number): Promise<boolean> {
		return this.#inOrder(async () => {
			const state = this.#states.get(conversationId) ?? (await this.#load(conversationId));
			if (state.hasOlder) await this.#prepend(state, limit);
			return state.hasOlder;
		});
	}

	/** It may be forgotten, and so are the messages beyond the bound. */
	leave(conversationId: string): void {
		void this.#inOrder(() => this.#states.leave(conversationId));
	}

	/**
	 * Changes a conversation, if it is here, in the order in which changes come; then does the rest, unless the change says false: it
	 * is older than what is here.
	 */
	apply(conversationId: string, change: (state: ConversationState) => unknown, then: () => void): void {
		this.#inOrder(() => {
			const state = this.#states.get(conversationId);
			if (!state || change(state) !== false) then();
		}).catch((error: unknown) => this.#listener.failed(error));
	}

	/** Resolves with whether the message is in the state, after catching up if others are missing before it. */
	async receive(message: Message): Promise<boolean> {
		const { conversationId, seq } = message;
		const outcome = await this.#inOrder(() => this.#add(message));
		if (outcome === "gap") await this.catchUp();
		return (this.#states.lastSeq(conversationId) ?? 0) >= seq;
	}

	/** Asks `sync`, once for all who want it before the question goes out. Never rejects. */
	catchUp(): Promise<void> {
		this.#syncing ??= this.#inOrder(async () => {
			this.#syncing = undefined;
			if (this.#server.isConnected) await this.#sync();
		}).catch((error: unknown) => {
			// Without a connection there is nothing to repeat: the next one begins with it.
			if (!this.#server.isConnected) return;
			this.#listener.failed(error);
			clearTimeout(this.#retry);
			this.#retry = setTimeout(() => void this.catchUp(), backoffMs(this.#retryMs, this.#failures++));
		});
		return this.#syncing;
	}

	/** Nothing is tried again until somebody wants to catch up. */
	pause(): void {
		clearTimeout(this.#retry);
	}

	async #sync(): Promise<void> {
		const answer = await this.#server.sync(this.#cursor);
		const isAfresh = this.#cursor === undefined || answer.reset;
		if (isAfresh) this.#listener.startsAfresh();
		const told = new Set(answer.conversations.map(({ id }) => id));
		for (const snapshot of answer.conversations) await this.#take(snapshot, isAfresh);
		if (isAfresh) for (const id of this.#states.ids()) if (!told.has(id)) await this.#restart(id);
		this.#cursor = answer.nextSince;
		this.#failures = 0;
		this.#listener.synced([...told]);
	}

	/** Takes over what the server says of a conversation: all that counts, if `isAfresh`, or what is new or changed. */
	async #take(snapshot: Snapshot, isAfresh: boolean): Promise<void> {
		const { messages, hasMore: _, ...conversation } = snapshot;
		const known = this.#states.get(conversation.id) ?? this.#revive(conversation);
		if (!known && isAfresh) return void this.#keep(snapshot);
		const state = known ?? (await this.#discover(snapshot));
		if (!state) return;
		state.replace(conversation);
		for (const message of messages) {
			state.change(message);
			if (this.#add(message) === "added") continue;
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

	/** A conversation of which only the last seq was kept. What follows is news. */
	#revive(conversation: Conversation): ConversationState | undefined {
		const lastSeq = this.#states.lastSeq(conversation.id);
		if (lastSeq === undefined) return undefined;
		const state = new ConversationState(conversation, lastSeq);
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
			if (this.opened.has(conversationId)) return await this.#take(await this.#fetch(conversationId), true);
		} catch (error) {
			if (!(error instanceof ParleyApiError) || error.code !== "NOT_FOUND") throw error;
			this.opened.delete(conversationId);
		}
		this.#states.delete(conversationId);
	}

	/** The messages between the last one that is here and this one, and this one. */
	async #fill(state: ConversationState, next: Message): Promise<void> {
		for (let hasMore = true; hasMore && state.lastSeq < next.seq; ) {
			const page = await this.#list(next.conversationId, { after: state.lastSeq, limit: 100 });
			for (const message of page.items) if (message.seq <= next.seq) this.#add(message);
			hasMore = page.hasMore;
		}
	}

	async #fetch(conversationId: string): Promise<Snapshot> {
		const conversation = await this.#server.query<Conversation>("conversations.get", { conversationId });
		const { items, hasMore } = await this.#list(conversationId, {});
		return { ...conversation, messages: items.toReversed(), hasMore };
	}

	/** What came after the last seq that was kept is news, and is told. What was before it may have to be loaded. */
	async #load(conversationId: string): Promise<ConversationState> {
		if (this.#states.lastSeq(conversationId) === undefined) return this.#keep(await this.#fetch(conversationId));
		const state = this.#states.get(conversationId) ?? (await this.#reload(conversationId));
		const lacking = pageSize - state.messages.length;
		if (lacking > 0 && state.hasOlder) await this.#prepend(state, lacking);
		return state;
	}

	async #reload(conversationId: string): Promise<ConversationState> {
		const snapshot = await this.#fetch(conversationId);
		await this.#take(snapshot, false);
		return this.#states.get(conversationId) ?? this.#keep(snapshot);
	}

	async #prepend(state: ConversationState, limit: number): Promise<void> {
		const before = state.messages[0]?.seq ?? state.lastSeq + 1;
		const { items } = await this.#list(state.conversation.id, { before, limit });
		state.prepend(items);
	}

	#list(conversationId: string, query: { before?: number; after?: number; limit?: number }): Promise<MessagePage> {
		return this.#server.query("messages.list", { conversationId, ...query });
	}

	/** Of a conversation that is not known every message is missed. */
	#add(message: Message): "added" | "duplicate" | "gap" {
		const outcome = this.#states.add(message);
		if (outcome === "added") this.#listener.news(message);
		return outcome;
	}

	/** One thing at a time, so that what loading brings and what events bring do not overtake each other. */
	#inOrder<Result>(job: () => Result | Promise<Result>): Promise<Result> {
		const result = this.#queue.then(job);
		this.#queue = result.catch(() => undefined);
		return result;
	}
}
