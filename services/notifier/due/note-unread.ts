import { timeOf } from "../../../lib/time-of.ts";
import type { NewMessage, Transaction } from "../../../mixins/tail-reader.ts";
import { addNews, type Unnotified } from "./unnotified.ts";

/** The other participant of each of these conversations, for a person who takes part in it. Unknown conversations are left out. */
export type RecipientsOf = (sent: { conversationId: string; userId: string }[]) => Promise<Map<string, string>>;

/** A message older than this is not news any more: it was imported, or no notifier ran for so long. */
const maxAgeMs = 24 * 60 * 60_000;

/**
 * Notes new messages for their recipients, who are told of them later, if they have not read them by then. It runs behind the message
 * path (mixins/tail-reader.ts), in the transaction that moves the position: each message is noted exactly once.
 */
export async function noteUnread(
	rows: NewMessage[],
	transaction: Transaction,
	recipientsOf: RecipientsOf,
	{ delayMs, nowMs }: { delayMs: number; nowMs: number },
): Promise<Unnotified[]> {
	const fresh = rows.filter(({ createdAt }) => Date.parse(createdAt) > nowMs - maxAgeMs);
	if (fresh.length === 0) return [];
	const recipients = await recipientsOf(fresh.map(({ conversationId, senderId }) => ({ conversationId, userId: senderId })));
	const news = new Map<string, Unnotified>();
	for (const { conversationId, seq, senderId, createdAt } of fresh) {
		const key = `${conversationId} ${senderId}`;
		const userId = recipients.get(key);
		if (userId === undefined) continue;
		const known = news.get(key);
		const isLater = known && known.lastSeq > seq;
		news.set(key, {
			...{ conversationId, userId, channel: "push", isDeferred: false },
			...(known && known.firstSeq < seq
				? { firstSeq: known.firstSeq, firstAt: known.firstAt }
				: { firstSeq: seq, firstAt: createdAt }),
			...(isLater ? { lastSeq: known.lastSeq, lastAt: known.lastAt } : { lastSeq: seq, lastAt: createdAt }),
			dueAt: timeOf(Math.min(known ? Date.parse(known.dueAt) : Number.POSITIVE_INFINITY, Date.parse(createdAt) + delayMs)),
		});
	}
	const noted = [...news.values()];
	await addNews(transaction, noted);
	return noted;
}
