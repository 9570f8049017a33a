import { chunksOf, idsPerCall } from "../../../lib/chunks.ts";
import { statement } from "../../../mixins/database.ts";
import { lastActivity } from "../../activity.ts";
import { callsOf } from "../../contracts.ts";
import type { Level } from "../../conversations/conversations.contract.ts";
import type { Contact } from "../../directory/directory.contract.ts";
import type { Status } from "../../presence/presence.contract.ts";
import { askByIds } from "../ask-by-ids.ts";
import { devicesOf } from "../devices/devices.ts";
import type { NotifierContext } from "../notifier-context.ts";
import { settingsOf } from "../settings/settings.ts";
import type { Situation } from "./decide.ts";
import type { Unnotified } from "./unnotified.ts";

/** What is known now about each of these rows, in their order. */
export async function situationsOf(context: NotifierContext, rows: Unnotified[]): Promise<Situation[]> {
	const { broker, db } = context;
	const userIds = [...new Set(rows.map(({ userId }) => userId))];
	const finding = levelsOf(context, rows);
	const [levels, contacts, presences, devices, unreachable, pushed] = await Promise.all([
		finding,
		contactsOf(context, userIds),
		presencesOf(context, userIds),
		devicesOf(db, userIds),
		unreachableOf(context, userIds),
		finding.then((found) =>
			pushedOf(
				context,
				rows.filter(({ channel }) => channel === "email"),
				found,
			),
		),
	]);
	const settings = await settingsOf(db, contacts);
	// It only matters for people who are online, so only they are asked about.
	const active = await lastActivity(broker, connectedOf(userIds, presences));

	return rows.map((row): Situation => {
		const { conversationId, userId, channel } = row;
		const level = levels.get(keyOf(conversationId, userId));
		const own = settings.get(userId);
		const contact = contacts.get(userId);
		const canMail = context.mail !== undefined && own?.newMessage.email === true && contact !== undefined;
		const canPush = own?.newMessage.push === true && devices.get(userId)?.some(({ kind }) => context.push[kind]) === true;
		return {
			channel,
			first: { seq: row.firstSeq, atMs: Date.parse(row.firstAt) },
			last: { seq: row.lastSeq, atMs: Date.parse(row.lastAt) },
			isDeferred: row.isDeferred,
			level: level && {
				...level,
				mutedUntilMs: level.mutedUntil === null ? null : Date.parse(level.mutedUntil),
			},
			settings: contact && own,
			presence: presences?.get(userId),
			activeAtMs: active.get(userId),
			pushedAtMs: pushed.get(keyOf(conversationId, userId)),
			isReachable: channel === "push" ? canPush : canMail && isMailable(contact, unreachable.get(userId)),
		};
	});
}

export const keyOf = (conversationId: string, userId: string) => `${conversationId} ${userId}`;

/** How far these people have read, by `keyOf`. */
export async function levelsOf(
	{ broker }: Pick<NotifierContext, "broker">,
	pairs: { conversationId: string; userId: string }[],
): Promise<Map<string, Level>> {
	const answers = await Promise.all(
		chunksOf(pairs, idsPerCall).map((chunk) =>
			callsOf(broker).call("conversations.levels", {
				pairs: chunk.map(({ conversationId, userId }) => ({ conversationId, userId })),
			}),
		),
	);
	return new Map(
		answers.flatMap(({ levels }) => levels.map((level) => [keyOf(level.conversationId, level.userId), level] as const)),
	);
}

/** Whether the person does not want to be told of the conversation now. */
export function isMuted({ mutedUntil }: Level, nowMs: number): boolean {
	return mutedUntil !== null && Date.parse(mutedUntil) > nowMs;
}

/** Names, addresses and zones of people. Who was erased is not there. */
export function contactsOf(
	{ broker }: Pick<NotifierContext, "broker">,
	userIds: Iterable<string>,
): Promise<Map<string, Contact>> {
	return askByIds(userIds, (ids) => callsOf(broker).call("users.contacts", { ids }));
}

/** A mail server refused this address, and the platform has not registered the person anew since. */
interface Unreachable {
	userId: string;
	address: string;
	since: string;
}

export async function unreachableOf({ db }: NotifierContext, userIds: string[]): Promise<Map<string, Unreachable>> {
	const rows = await db.query<Unreachable>(unreachableStatement, [userIds]);
	return new Map(rows.map((row) => [row.userId, row]));
}

/** Whether the person has an address that takes mail. */
export function isMailable(contact: Contact | undefined, unreachable: Unreachable | undefined): boolean {
	if (!contact?.email) return false;
	return !unreachable || unreachable.address !== contact.email || contact.updatedAt > unreachable.since;
}

/** Undefined while the registry does not answer: then the receipts decide. */
async function presencesOf({ broker, logger }: NotifierContext, userIds: string[]): Promise<Map<string, Status> | undefined> {
	try {
		const presences = await callsOf(broker).call("presence.lookup", { userIds });
		return new Map(presences.map(({ userId, status }) => [userId, status]));
	} catch (error) {
		logger.debug("The presence registry does not answer:", error);
		return undefined;
	}
}

function connectedOf(userIds: string[], presences: Map<string, Status> | undefined): string[] {
	return presences ? userIds.filter((userId) => presences.get(userId) === "online") : [];
}

/** When a push about the messages of each row was accepted first. One about what was read since does not count. */
async function pushedOf({ db }: NotifierContext, rows: Unnotified[], levels: Map<string, Level>): Promise<Map<string, number>> {
	if (rows.length === 0) return new Map();
	const isFirstRead = (row: Unnotified) => (levels.get(keyOf(row.conversationId, row.userId))?.readSeq ?? 0) >= row.firstSeq;
	const pushed = await db.query<{ conversationId: string; userId: string; at: string }>(pushedStatement, [
		rows.map(({ conversationId }) => conversationId),
		rows.map(({ userId }) => userId),
		rows.map((row) => (isFirstRead(row) ? row.lastAt : row.firstAt)),
	]);
	return new Map(pushed.map(({ conversationId, userId, at }) => [keyOf(conversationId, userId), Date.parse(at)]));
}

const unreachableStatement = statement(
	"notifier.unreachable",
	`select user_id as "userId", address, since from unreachable_addresses where user_id = any ($1::text[])`,
);

const pushedStatement = statement(
	"notifier.pushed",
	`select w.conversation_id as "conversationId", w.user_id as "userId", min(n.sent_at) as at
	from unnest($1::uuid[], $2::text[], $3::timestamptz[]) as w (conversation_id, user_id, first_at)
	join notifications n on n.user_id = w.user_id and n.channel <> 'email' and n.sent_at >= w.first_at
		and w.conversation_id = any (n.conversation_ids)
	group by 1, 2`,
);
