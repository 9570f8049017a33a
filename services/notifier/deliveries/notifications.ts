import { newId } from "../../../lib/ids.ts";
import { type Database, statement, type Transaction } from "../../../mixins/database.ts";

export type ChannelName = "webpush" | "apns" | "fcm" | "email";

/**
 * What a notification is:
 * - WAITING: not accepted by its provider yet.
 * - SENT: accepted. Devices that can take it away again are looked at until the person has read the messages.
 * - CLEARED: taken away, because the person has read them.
 * - CANCELLED: there was nothing to tell any more when it was about to be sent.
 * - DEAD: given up. An administrator can have it sent again.
 */
export type State = "WAITING" | "SENT" | "CLEARED" | "CANCELLED" | "DEAD";

/** One delivery to one device or address. It has no content: that is read when it is sent. */
export interface Notification {
	id: string;
	userId: string;
	channel: ChannelName;
	/** Null for e-mail. */
	deviceId: string | null;
	/** The newest conversation first; several only in a digest. */
	conversationIds: string[];
	/** The newest message of each. */
	seqs: number[];
	isDigest: boolean;
	state: State;
	/** While a node sends it: the end of its claim. Null when nothing is left to do. */
	dueAt: string | null;
	/** Attempts to send it, with the one that runs. */
	attempts: number;
	/** When the first of its messages was sent. */
	messageAt: string;
	createdAt: string;
}

export type NewNotification = Pick<
	Notification,
	"userId" | "channel" | "deviceId" | "conversationIds" | "seqs" | "isDigest" | "messageAt"
> & { dueAt: string };

/** How it goes on with a notification. */
export interface Next {
	state: State;
	/** Null: nothing is left to do. */
	dueAt: string | null;
	lastError: string | null;
	/** When it was accepted; null keeps what is there. */
	sentAt: string | null;
	/** The attempt does not count: nothing was sent. */
	isUncounted?: true;
}

/** How long a claim lasts. An attempt is much shorter (attemptTimeoutMs). */
export const claimMs = 60_000;

/**
 * Stores notifications. One that waits for the same device and conversation becomes this one: it keeps its attempts and due time, so
 * that a person who could not be reached is told once, of all messages.
 */
export async function addNotifications(transaction: Transaction, all: NewNotification[]): Promise<void> {
	for (const one of all.filter(({ isDigest }) => isDigest)) {
		await transaction.query(addDigestStatement, valuesOf(one));
	}
	const single = all.filter(({ isDigest }) => !isDigest);
	if (single.length === 0) return;
	await transaction.query(addStatement, [
		single.map(() => newId()),
		single.map(({ userId }) => userId),
		single.map(({ channel }) => channel),
		single.map(({ deviceId }) => deviceId),
		single.map(({ conversationIds }) => conversationIds[0]),
		single.map(({ seqs }) => seqs[0]),
		single.map(({ messageAt }) => messageAt),
		single.map(({ dueAt }) => dueAt),
	]);
}

/** Claims notifications of a channel whose time has come, the longest due first. None of the people in `exceptFor`. */
export function claimNotifications(
	db: Database,
	channel: ChannelName,
	nowAt: string,
	untilAt: string,
	limit: number,
	exceptFor: string[] = [],
): Promise<Notification[]> {
	return db.query<Notification>(claimStatement, [channel, nowAt, untilAt, limit, exceptFor]);
}

/**
 * Writes how it goes on with claimed notifications, unless the claim is over. One that changed while it was sent (a newer message
 * came) waits again: it is sent once more and replaces what the device shows.
 */
export async function finish(db: Database, done: { notification: Notification; next: Next }[], nowAt: string): Promise<void> {
	await db.query(finishStatement, [
		done.map(({ notification }) => notification.id),
		done.map(({ notification }) => notification.dueAt),
		done.map(({ notification }) => String(notification.seqs)),
		done.map(({ next }) => next.state),
		done.map(({ next }) => next.dueAt),
		done.map(({ next }) => next.lastError),
		done.map(({ next }) => next.sentAt),
		done.map(({ next }) => (next.isUncounted ? 1 : 0)),
		nowAt,
	]);
}

/** These people have read these conversations: what their devices show is looked at now. */
export async function lookAtSent(db: Database, read: { userId: string; conversationId: string }[], nowAt: string): Promise<void> {
	await db.query(lookAtSentStatement, [
		read.map(({ userId }) => userId),
		read.map(({ conversationId }) => conversationId),
		nowAt,
	]);
}

/** What a device shows of these conversations was taken away, so older notifications of them need not be. */
export async function noteCleared(db: Database, { deviceId, conversationIds }: Notification): Promise<void> {
	await db.query(noteClearedStatement, [deviceId, conversationIds]);
}

/** `pg` gives an array of bigints as texts. */
const columns = `n.id, n.user_id as "userId", n.channel, n.device_id as "deviceId", n.conversation_ids as "conversationIds",
	n.seqs::float8[] as seqs,
	n.is_digest as "isDigest", n.state, n.due_at as "dueAt", n.attempts, n.message_at as "messageAt", n.created_at as "createdAt"`;

const valuesOf = (one: NewNotification) => [
	newId(),
	one.userId,
	one.channel,
	one.deviceId,
	one.conversationIds,
	one.seqs,
	one.messageAt,
	one.dueAt,
];

const addDigestStatement = statement(
	"notifications.addDigest",
	`insert into notifications (id, user_id, channel, device_id, conversation_ids, seqs, message_at, due_at, is_digest, created_at)
	values ($1, $2, $3, $4, $5::uuid[], $6::bigint[], $7, $8, true, $8)`,
);

const addStatement = statement(
	"notifications.add",
	`insert into notifications as n (id, user_id, channel, device_id, conversation_ids, seqs, message_at, due_at, created_at, is_digest)
	select id, user_id, channel, device_id, array[conversation_id], array[seq], message_at, due_at, due_at, false
	from unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::uuid[], $6::bigint[], $7::timestamptz[], $8::timestamptz[])
		as u (id, user_id, channel, device_id, conversation_id, seq, message_at, due_at)
	order by user_id, channel, device_id, conversation_id
	on conflict (user_id, channel, device_id, conversation_ids) where state = 'WAITING' and not is_digest
	do update set seqs = excluded.seqs, updated_at = now()`,
);

const claimStatement = statement(
	"notifications.claim",
	`update notifications n
	set due_at = $3::timestamptz, attempts = n.attempts + case when n.state = 'WAITING' then 1 else 0 end
	where n.ctid = any (array(
		select ctid from notifications where channel = $1 and due_at <= $2::timestamptz and user_id <> all ($5::text[])
		order by due_at limit $4 for update skip locked
	))
	returning ${columns}`,
);

/** Compares the newest version of the row, which `n` is once it is locked. A joined copy of the table could be an older version. */
const isSame = "array_to_string(n.seqs, ',') = d.seqs";

const finishStatement = statement(
	"notifications.finish",
	`update notifications n
	set state = case when ${isSame} then d.state else n.state end,
		due_at = case when ${isSame} then d.due_at else $9::timestamptz end,
		last_error = d.last_error, sent_at = coalesce(d.sent_at, n.sent_at), attempts = n.attempts - d.uncounted,
		updated_at = $9::timestamptz
	from unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::timestamptz[], $8::int[])
		as d (id, claimed_until, seqs, state, due_at, last_error, sent_at, uncounted)
	where n.id = d.id and n.due_at = d.claimed_until`,
);

const lookAtSentStatement = statement(
	"notifications.lookAtSent",
	`update notifications n set due_at = $3::timestamptz
	from unnest($1::text[], $2::uuid[]) as r (user_id, conversation_id)
	where n.user_id = r.user_id and n.state = 'SENT' and n.due_at > $3::timestamptz and r.conversation_id = any (n.conversation_ids)`,
);

const noteClearedStatement = statement(
	"notifications.noteCleared",
	`update notifications set state = 'CLEARED', due_at = null
	where device_id = $1 and state = 'SENT' and conversation_ids <@ $2::uuid[]`,
);
