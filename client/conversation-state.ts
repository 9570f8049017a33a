import type { Conversation, Message, Receipt } from "./types.ts";

/** ✓ stored; ✓✓ on a device of the other side; read by the other side. */
export type Tick = "sent" | "delivered" | "read";

/** How many messages are unread, and the seq of the newest one when they were counted. */
export interface Count {
	count: number;
	lastSeq: number;
}

/** Whether a count was made before another one. Of two counts with the same `lastSeq` the lower one is newer, since more was read. */
export function isOlder({ count, lastSeq }: Count, than: Count): boolean {
	return lastSeq < than.lastSeq || (lastSeq === than.lastSeq && count > than.count);
}

/**
 * The state of one conversation: the conversation and its newest messages without gaps. It does no I/O: events change it. Cursors only
 * move forward, since the same event may come late, twice, or in two ways at once.
 */
export class ConversationState {
	conversation: Conversation;
	#maxMessages = Number.POSITIVE_INFINITY;
	/** In seq order, without gaps. The server may have older ones. */
	readonly messages: Message[] = [];
	#lastSeq: number;
	/** The seq of the newest message that `conversation.unreadCount` includes. */
	#countedSeq: number;

	/** `lastSeq`: the first message to be added is the one after this seq. */
	constructor(conversation: Conversation, lastSeq: number) {
		this.conversation = conversation;
		this.#lastSeq = lastSeq;
		this.#countedSeq = conversation.lastSeq;
	}

	/** The seq of the newest message in this state. */
	get lastSeq(): number {
		return this.#lastSeq;
	}

	/** Whether the server has messages before the first one in this state. */
	get hasOlder(): boolean {
		return (this.messages[0]?.seq ?? this.#lastSeq + 1) > 1;
	}

	/** Keeps at most this many messages: new ones replace the oldest. Pages that are loaded later with `prepend` raise the limit. */
	bound(maxMessages: number): void {
		this.#maxMessages = maxMessages;
		this.messages.splice(0, this.messages.length - maxMessages);
	}

	/** Adds the next message. `gap`: messages before it are missing; nothing was changed. */
	add(message: Message): "added" | "duplicate" | "gap" {
		if (message.seq <= this.#lastSeq) return "duplicate";
		if (message.seq > this.#lastSeq + 1) return "gap";
		this.messages.push(message);
		if (this.messages.length > this.#maxMessages) this.messages.shift();
		this.#lastSeq = message.seq;
		if (message.seq > this.conversation.lastSeq) {
			const { seq: lastSeq, createdAt: lastMessageAt } = message;
			this.conversation = { ...this.conversation, lastSeq, lastMessage: message, lastMessageAt };
		}
		return "added";
	}

	/** Replaces a message that has changed, if it is in this state. */
	change(message: Message): void {
		const index = message.seq - (this.messages[0]?.seq ?? 0);
		if (this.messages[index]) this.messages[index] = message;
	}

	/** Replaces everything. `messages` are in seq order, without gaps. */
	restart(conversation: Conversation, messages: Message[]): void {
		this.conversation = conversation;
		this.#countedSeq = conversation.lastSeq;
		this.messages.length = 0;
		this.#lastSeq = (messages[0]?.seq ?? 1) - 1;
		for (const message of messages) this.add(message);
	}

	/** Adds a page of older messages (newest first, as the server lists them) at the front. */
	prepend(page: Message[]): void {
		const first = this.messages[0]?.seq ?? this.#lastSeq + 1;
		this.messages.unshift(...page.filter(({ seq }) => seq < first).reverse());
		this.#maxMessages = Math.max(this.#maxMessages, this.messages.length);
	}

	delivered({ userId, seq }: Receipt): void {
		this.#advance(userId, { deliveredSeq: seq, readSeq: 0 });
	}

	/** A message that was read was also delivered. */
	read({ userId, seq }: Receipt): void {
		this.#advance(userId, { deliveredSeq: seq, readSeq: seq });
	}

	/** Applies a count. Returns false if it is older than the present one. */
	unread({ count, lastSeq }: Count): boolean {
		if (isOlder({ count, lastSeq }, { count: this.conversation.unreadCount, lastSeq: this.#countedSeq })) return false;
		this.#countedSeq = lastSeq;
		this.conversation = { ...this.conversation, unreadCount: count };
		return true;
	}

	/** Applies a copy that was just loaded. Events may have been newer, so seqs and cursors never become lower. */
	replace(fresh: Conversation): void {
		const { participants, lastSeq, lastMessage, lastMessageAt } = this.conversation;
		this.unread({ count: fresh.unreadCount, lastSeq: fresh.lastSeq });
		const { unreadCount } = this.conversation;
		this.conversation =
			lastSeq > fresh.lastSeq ? { ...fresh, unreadCount, lastSeq, lastMessage, lastMessageAt } : { ...fresh, unreadCount };
		for (const { userId, deliveredSeq, readSeq } of participants) this.#advance(userId, { deliveredSeq, readSeq });
	}

	/** Applies `conversation_updated`. An older event that comes late changes nothing. */
	update(changed: Conversation): void {
		if (changed.updatedAt < this.conversation.updatedAt) return;
		this.replace(changed);
	}

	/** The tick of a message of one's own. (For messages of others it is not known: nobody gets events about own deliveries.) */
	tick(message: Message): Tick {
		const others = this.conversation.participants.filter(({ userId }) => userId !== message.senderId);
		if (others.every(({ readSeq }) => readSeq >= message.seq)) return "read";
		return others.every(({ readSeq, deliveredSeq }) => Math.max(readSeq, deliveredSeq) >= message.seq) ? "delivered" : "sent";
	}

	#advance(userId: string, to: { deliveredSeq: number; readSeq: number }): void {
		const participants = this.conversation.participants.map((participant) => {
			if (participant.userId !== userId) return participant;
			const { deliveredSeq, readSeq } = participant;
			return { ...participant, deliveredSeq: Math.max(deliveredSeq, to.deliveredSeq), readSeq: Math.max(readSeq, to.readSeq) };
		});
		this.conversation = { ...this.conversation, participants };
	}
}
