import { callsOf } from "../../contracts.ts";
import type { Level } from "../../conversations/conversations.contract.ts";
import { askByIds } from "../ask-by-ids.ts";
import type { Device } from "../channels/channel.ts";
import { devicesById } from "../devices/devices.ts";
import { contactsOf, isMailable, isMuted, keyOf, levelsOf, unreachableOf } from "../due/situations.ts";
import { messagesAt, type Position, positionKey } from "../messages-at.ts";
import type { NotifierContext } from "../notifier-context.ts";
import { quietUntil } from "../settings/quiet-hours.ts";
import type { Settings } from "../settings/settings.contract.ts";
import { settingsOf } from "../settings/settings.ts";
import { type Notice, type NoticeConversation, toNoticeConversation } from "../templates/notice.ts";
import type { Notification } from "./notifications.ts";

/** A notification, and what is to be done with it now. */
export type Prepared = { notification: Notification } & (
	| { kind: "send"; notice: Notice; badge: number; device: Device | null; address: string | null; muted: Position[] }
	/**
	 * The person has read everything, muted it, or chose not to be told. `muted`, here and above: the newest messages of conversations
	 * that were muted meanwhile. The person is told of them when the mute ends.
	 */
	| { kind: "cancel"; muted: Position[] }
	/** Quiet hours have begun since the last attempt. */
	| { kind: "defer"; untilMs: number }
	/** An accepted push: its messages are still unread. */
	| { kind: "keep" }
	/** An accepted push: its messages were read, so it is taken away. */
	| { kind: "clear"; badge: number; device: Device }
);

/**
 * Looks, directly before sending, at what may have changed: cursors, mute, settings, quiet hours, devices, erasure. Everything is asked
 * for many notifications at once.
 */
export async function prepare(context: NotifierContext, notifications: Notification[]): Promise<Prepared[]> {
	const { db } = context;
	const nowMs = context.now();
	const userIds = [...new Set(notifications.map(({ userId }) => userId))];
	const [levels, contacts, devices, unreachable, totals] = await Promise.all([
		levelsOf(
			context,
			notifications.flatMap(({ userId, conversationIds }) =>
				conversationIds.map((conversationId) => ({ conversationId, userId })),
			),
		),
		contactsOf(context, userIds),
		devicesById(
			db,
			notifications.flatMap(({ deviceId }) => deviceId ?? []),
		),
		unreachableOf(context, userIds),
		totalsOf(context, userIds),
	]);
	const settings = await settingsOf(db, contacts);
	const allUnreadOf = (one: Notification) =>
		one.conversationIds.flatMap((conversationId, i): Unread[] => {
			const level = levels.get(keyOf(conversationId, one.userId));
			if (!level || level.unreadCount === 0) return [];
			return [{ level, seq: one.seqs[i] ?? 0, at: one.messageAt, hasText: i < maxTexts }];
		});
	const unreadOf = (one: Notification) => allUnreadOf(one).filter(({ level }) => !isMuted(level, nowMs));

	const waiting = notifications.filter(({ state }) => state === "WAITING");
	const noticeConversations = await describe(context, waiting.flatMap(unreadOf));

	return notifications.map((notification): Prepared => {
		const { userId, channel, deviceId } = notification;
		const contact = contacts.get(userId);
		const device = deviceId === null ? null : (devices.get(deviceId) ?? null);
		const badge = totals.get(userId) ?? 0;
		if (notification.state === "SENT") {
			const isRead = notification.conversationIds.every((id) => levels.get(keyOf(id, userId))?.unreadCount === 0);
			if (!device || !contact) return { notification, kind: "cancel", muted: [] };
			return isRead ? { notification, kind: "clear", badge, device } : { notification, kind: "keep" };
		}
		const own = settings.get(userId);
		const unread = unreadOf(notification).flatMap((one) => noticeConversations.get(noticeKey(one)) ?? []);
		const [newest, ...others] = unread;
		const isReachable = channel === "email" ? isMailable(contact, unreachable.get(userId)) : device !== null;
		if (!contact || !own || !isReachable || !isWanted(own, channel)) return { notification, kind: "cancel", muted: [] };
		const muted = allUnreadOf(notification)
			.filter(({ level }) => isMuted(level, nowMs))
			.map(({ level: { conversationId }, seq }) => ({ conversationId, seq }));
		if (!newest) return { notification, kind: "cancel", muted };
		const untilMs = quietUntil(own.quietHours, nowMs);
		if (untilMs !== null) return { notification, kind: "defer", untilMs };
		const { locale, timezone, email } = contact;
		return {
			...{ notification, kind: "send", badge, device, address: channel === "email" ? email : null, muted },
			notice: {
				...{ id: notification.id, userId, locale, timezone, isDigest: notification.isDigest },
				conversations: [newest, ...others],
			},
		};
	});
}

/** Names, titles and newest texts, by `noticeKey`. */
async function describe(context: NotifierContext, unread: Unread[]): Promise<Map<string, NoticeConversation>> {
	const { broker, shown } = context;
	const [names, titles, messages] = await Promise.all([
		askByIds(
			unread.map(({ level }) => level.otherId),
			(ids) => callsOf(broker).call("users.names", { ids }),
		),
		askByIds(
			unread.map(({ level }) => level.jobApplicationId),
			(ids) => callsOf(broker).call("applications.titles", { ids }),
		),
		messagesAt(
			callsOf(broker),
			unread.flatMap(({ level, seq, hasText }) => (hasText ? [{ conversationId: level.conversationId, seq }] : [])),
		),
	]);
	return new Map(
		unread.map((one) => {
			const { conversationId, otherId, jobApplicationId } = one.level;
			const message = messages.get(positionKey({ conversationId, seq: one.seq }));
			const texts = { senderName: names.get(otherId), jobTitle: titles.get(jobApplicationId) };
			return [noticeKey(one), toNoticeConversation(one, { ...texts, message, shown })] as const;
		}),
	);
}

const noticeKey = ({ level: { conversationId, userId }, seq }: Unread) => `${conversationId} ${seq} ${userId}`;

interface Unread {
	level: Level;
	seq: number;
	at: string;
	hasText: boolean;
}

/** A digest shows the texts of so many conversations. */
const maxTexts = 20;

function isWanted({ newMessage }: Settings, channel: Notification["channel"]): boolean {
	return channel === "email" ? newMessage.email : newMessage.push;
}

function totalsOf({ broker }: NotifierContext, userIds: string[]): Promise<Map<string, number>> {
	return askByIds(userIds, (ids) => callsOf(broker).call("conversations.totals", { userIds: ids }));
}
