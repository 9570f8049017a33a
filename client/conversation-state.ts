import type { Conversation, Message, Receipt } from "./types.ts";

/** ✓ stored, ✓✓ on a device of the other side, read by the other side. */
export type Tick = "sent" | "delivered" | "read";

/** How many messages are unread, and the seq of the newest one when they were counted. */
export interface Count {
	count: number;
	lastSeq: number;
}

/** Whether a count was made before another one, however late it comes. With the same messages, reading on makes it lower. */
export function isOlder({ count, lastSeq }: Count, than: Count): boolean {
	return lastSeq < than.lastSeq || (lastSeq === than.lastSeq && count > than.count);
}

/**
 * What a client knows of one conversation: the conversation and an unbroken run of its newest messages. Pure: events go in,
 * state comes out. Cursors only move forward, since the same news may come late, twice, or by two ways at once.
 */
export class ConversationState {
	conversation: Conversation;
	#maxMessages = Number.POSITIVE_INFINITY;
	/** In seq order, without gaps. Older ones than the first may exist on the server. */
	readonly messages: Message[] = [];
	#lastSeq: number;
	/** The newest message that `conversation.unreadCount` knows of. */
	#countedSeq: number;

	/** `lastSeq`: what is there already; the first message to be added is the one after it. */
	constructor(conversation: Conversation, lastSeq: number) {
		this.conversation = conversation;
		this.#lastSeq = lastSeq;
		this.#countedSeq = conversation.lastSeq;
	}

	/** Seq of the newest message that is here. */
	get lastSeq(): number {
		return this.#lastSeq;
	}

	/** Whether the server has messages before the first one that is here. */
	get hasOlder(): boolean {
		return (this.messages[0]?.seq ?? this.#lastSeq + 1) > 1;
	}

	/** From now on so many messages are kept at the most: new ones push out the oldest. Older pages that are put in front stay. */
	bound(maxMessages: number): void {
		this.#maxMessages = maxMessages;
		this.messages.splice(0, this.messages.length - maxMessages);
	}

	/** Takes the next message; `gap` means that others must come first, and nothing was changed. */
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

	/** Takes over a message that changed, if it is here. */
	change(message: Message): void {
		const index = message.seq - (this.messages[0]?.seq ?? 0);
		if (this.messages[index]) this.messages[index] = message;
	}

	/** Forgets everything, and begins again with these messages, in seq order without a gap. */
	restart(conversation: Conversation, messages: Message[]): void {
		this.conversation = conversation;
		this.#countedSeq = conversation.lastSeq;
		this.messages.length = 0;
		this.#lastSeq = (messages[0]?.seq ?? 1) - 1;
		for (const message of messages) this.add(message);
	}

	/** Puts an older page (newest first, as the server lists it) in front. */
	prepend(page: Message[]): void {
		const first = this.messages[0]?.seq ?? this.#lastSeq + 1;
		this.messages.unshift(...page.filter(({ seq }) => seq < first).reverse());
		this.#maxMessages = Math.max(this.#maxMessages, this.messages.length);
	}

	delivered({ userId, seq }: Receipt): void {
		this.#advance(userId, { deliveredSeq: seq, readSeq: 0 });
	}

	/** What was read was delivered, too. */
	read({ userId, seq }: Receipt): void {
		this.#advance(userId, { deliveredSeq: seq, readSeq: seq });
	}

	/** Takes a count over, unless it is older than the one that is here; then false. */
	unread({ count, lastSeq }: Count): boolean {
		if (isOlder({ count, lastSeq }, { count: this.conversation.unreadCount, lastSeq: this.#countedSeq })) return false;
		this.#countedSeq = lastSeq;
		this.conversation = { ...this.conversation, unreadCount: count };
		return true;
	}

	/** Takes over a copy just loaded. Messages and receipts that came meanwhile may be newer: what only grows is kept. */
	replace(fresh: Conversation): void {
		const { participants, lastSeq, lastMessage, lastMessageAt } = this.conversation;
		this.unread({ count: fresh.unreadCount, lastSeq: fresh.lastSeq });
		const { unreadCount } = this.conversation;
		this.conversation =
			lastSeq > fresh.lastSeq ? { ...fresh, unreadCount, lastSeq, lastMessage, lastMessageAt } : { ...fresh, unreadCount };
		for (const { userId, deliveredSeq, readSeq } of participants) this.#advance(userId, { deliveredSeq, readSeq });
	}

	/** Takes over what an event says; an older event that comes late changes nothing. */
	update(changed: Conversation): void {
		if (changed.updatedAt < this.conversation.updatedAt) return;
		this.replace(changed);
	}

	/** How far a message of mine has come. (Of the others' messages only the server knows: nobody is told about own deliveries.) */
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
