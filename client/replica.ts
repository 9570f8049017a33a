import { backoffMs } from "./backoff.ts";
import { ConversationState } from "./conversation-state.ts";
import { ParleyApiError } from "./errors.ts";
import { type Bounds, KnownConversations } from "./known-conversations.ts";
import type { Conversation, Message, MessagePage, Snapshot, SyncAnswer } from "./types.ts";

/** The requests to the server. */
export interface ReplicaServer {
	readonly isConnected: boolean;
	sync(since: string | undefined): Promise<SyncAnswer>;
	/** Calls a query by its action's name. The caller names the result type. */
	query<Result>(action: string, params: object): Promise<Result>;
}

export interface ReplicaListener {
	/** A new message was added: each once, in seq order. */
	added(message: Message): void;
	/** All states are loaded again. Counts from before may be of another database. */
	reset(): void;
	/** The states of these conversations have what was missed. */
	synced(conversationIds: string[]): void;
	/** `sync` or a change failed. `sync` is tried again. */
	failed(error: unknown): void;
}

/** A conversation is opened with this many messages, if it has so many. */
const pageSize = 50;

/**
 * The client's copy of its conversations. Messages arrive at least once, and in any order after a reconnect. Here each is added once,
 * and in order:
 *
 * 1. At least the last seq is kept of every conversation that `sync` has named or that is open (`KnownConversations`). If a message
 *    does not follow it, some were missed: then the client asks `sync`. It also does so after every connect.
 * 2. Events that come while `sync` is under way wait for its answer, which may be older. The cursor moves when the whole answer is in
 *    the states. If anything fails before that, the same `sync` is asked again.
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

	/** The conversation with its newest messages; loaded from the server if necessary. */
	load(conversationId: string): Promise<ConversationState> {
		return this.#inOrder(() => this.#load(conversationId));
	}

	/** Loads older messages; they are kept while the conversation is open. Resolves with whether there are still older ones. */
	loadOlder(conversationId: string, limit: number): Promise<boolean> {
		return this.#inOrder(async () => {
			const state = this.#states.get(conversationId) ?? (await this.#load(conversationId));
			if (state.hasOlder) await this.#prepend(state, limit);
			return state.hasOlder;
		});
	}

	/** The app has closed the conversation: its state may be dropped, and messages above `maxMessages` are. */
	leave(conversationId: string): void {
		void this.#inOrder(() => this.#states.leave(conversationId));
	}

	/**
	 * Changes the state of a conversation if it is kept, after all earlier changes. Then calls `then`, unless `change` returned false,
	 * which means that the event is older than the state.
	 */
	apply(conversationId: string, change: (state: ConversationState) => unknown, then: () => void): void {
		this.#inOrder(() => {
			const state = this.#states.get(conversationId);
			if (!state || change(state) !== false) then();
		}).catch((error: unknown) => this.#listener.failed(error));
	}

	/** Adds a message; catches up first if messages before it are missing. Resolves with whether it is in the state. */
	async receive(message: Message): Promise<boolean> {
		const { conversationId, seq } = message;
		const outcome = await this.#inOrder(() => this.#add(message));
		if (outcome === "gap") await this.catchUp();
		return (this.#states.lastSeq(conversationId) ?? 0) >= seq;
	}

	/** Asks `sync`. Calls before the request is sent share it. Never rejects. */
	catchUp(): Promise<void> {
		this.#syncing ??= this.#inOrder(async () => {
			this.#syncing = undefined;
			if (this.#server.isConnected) await this.#sync();
		}).catch((error: unknown) => {
			// Without a connection it is not repeated: every new connection begins with it.
			if (!this.#server.isConnected) return;
			this.#listener.failed(error);
			clearTimeout(this.#retry);
			this.#retry = setTimeout(() => void this.catchUp(), backoffMs(this.#retryMs, this.#failures++));
		});
		return this.#syncing;
	}

	/** Cancels the repetition of a failed `sync`. */
	pause(): void {
		clearTimeout(this.#retry);
	}

	async #sync(): Promise<void> {
		const answer = await this.#server.sync(this.#cursor);
		const isReset = this.#cursor === undefined || answer.reset;
		if (isReset) this.#listener.reset();
		const named = new Set(answer.conversations.map(({ id }) => id));
		for (const snapshot of answer.conversations) await this.#applySnapshot(snapshot, isReset);
		if (isReset) for (const id of this.#states.ids()) if (!named.has(id)) await this.#reloadUnnamed(id);
		this.#cursor = answer.nextSince;
		this.#failures = 0;
		this.#listener.synced([...named]);
	}

	/** Applies a snapshot. If `isReset`, it replaces the state; else it has what is new or changed. */
	async #applySnapshot(snapshot: Snapshot, isReset: boolean): Promise<void> {
		const { messages, hasMore: _, ...conversation } = snapshot;
		const known = this.#states.get(conversation.id) ?? this.#restore(conversation);
		if (!known && isReset) return void this.#create(snapshot);
		const state = known ?? (await this.#createWithHistory(snapshot));
		if (!state) return;
		state.replace(conversation);
		for (const message of messages) {
			state.change(message);
			if (this.#add(message) === "added") continue;
			if (message.seq > state.lastSeq) await this.#fill(state, message);
		}
		if (isReset) state.restart(conversation, messages);
	}

	/** Creates a state. Its messages are history, and are not emitted as new. */
	#create({ messages, hasMore: _, ...conversation }: Snapshot): ConversationState {
		const state = new ConversationState(conversation, 0);
		state.restart(conversation, messages);
		this.#states.set(conversation.id, state);
		return state;
	}

	/** Creates the state of a conversation of which only the last seq was kept. Messages after that seq are new. */
	#restore(conversation: Conversation): ConversationState | undefined {
		const lastSeq = this.#states.lastSeq(conversation.id);
		if (lastSeq === undefined) return undefined;
		const state = new ConversationState(conversation, lastSeq);
		this.#states.set(conversation.id, state);
		return state;
	}

	/** Creates the state of an unknown conversation, with history before its first new message. Undefined if it has no new message. */
	async #createWithHistory({ messages, hasMore: _, ...conversation }: Snapshot): Promise<ConversationState | undefined> {
		const head = messages.at(-1)?.seq ?? 0;
		const firstNew = messages.find(({ seq }, index) => head - seq === messages.length - 1 - index)?.seq ?? 0;
		if (head === 0 || head < conversation.lastSeq) return undefined;
		const { items } = await this.#list(conversation.id, { before: firstNew });
		const state = new ConversationState(conversation, firstNew - 1);
		state.prepend(items);
		this.#states.set(conversation.id, state);
		return state;
	}

	/** After a reset: a conversation that `sync` did not name is loaded if it is open, else forgotten. It may not exist any more. */
	async #reloadUnnamed(conversationId: string): Promise<void> {
		try {
			if (this.opened.has(conversationId)) return await this.#applySnapshot(await this.#fetch(conversationId), true);
		} catch (error) {
			if (!(error instanceof ParleyApiError) || error.code !== "NOT_FOUND") throw error;
			this.opened.delete(conversationId);
		}
		this.#states.delete(conversationId);
	}

	/** Loads the messages that are missing before this one, and adds them and this one. */
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

	/** Messages after the last known seq are new, and are emitted. Messages before it are loaded as history. */
	async #load(conversationId: string): Promise<ConversationState> {
		if (this.#states.lastSeq(conversationId) === undefined) return this.#create(await this.#fetch(conversationId));
		const state = this.#states.get(conversationId) ?? (await this.#reload(conversationId));
		const missing = pageSize - state.messages.length;
		if (missing > 0 && state.hasOlder) await this.#prepend(state, missing);
		return state;
	}

	async #reload(conversationId: string): Promise<ConversationState> {
		const snapshot = await this.#fetch(conversationId);
		await this.#applySnapshot(snapshot, false);
		return this.#states.get(conversationId) ?? this.#create(snapshot);
	}

	async #prepend(state: ConversationState, limit: number): Promise<void> {
		const before = state.messages[0]?.seq ?? state.lastSeq + 1;
		const { items } = await this.#list(state.conversation.id, { before, limit });
		state.prepend(items);
	}

	#list(conversationId: string, query: { before?: number; after?: number; limit?: number }): Promise<MessagePage> {
		return this.#server.query("messages.list", { conversationId, ...query });
	}

	/** In an unknown conversation every message is a gap. */
	#add(message: Message): "added" | "duplicate" | "gap" {
		const outcome = this.#states.add(message);
		if (outcome === "added") this.#listener.added(message);
		return outcome;
	}

	/** Runs one job at a time, so that loading and events do not overtake each other. */
	#inOrder<Result>(job: () => Result | Promise<Result>): Promise<Result> {
		const result = this.#queue.then(job);
		this.#queue = result.catch(() => undefined);
		return result;
	}
}
