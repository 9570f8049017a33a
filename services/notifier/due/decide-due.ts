import { timeOf } from "../../../lib/time-of.ts";
import { addNotifications, type NewNotification } from "../deliveries/notifications.ts";
import { devicesOf } from "../devices/devices.ts";
import type { NotifierContext } from "../notifier-context.ts";
import { type Decision, decide, type Situation } from "./decide.ts";
import { situationsOf } from "./situations.ts";
import { addNews, claimDue, claimOthers, putOff, settle, type Unnotified } from "./unnotified.ts";

/** Rows that are decided at a time. */
const batchSize = 500;

/** Conversations of one digest, and how many more may join one whose time has come. */
const maxConversations = 1_000;

interface Decided {
	row: Unnotified;
	decision: Decision;
}

/**
 * Decides about people whose time has come: who is told now, and how (decide.ts). Returns how many rows were due.
 *
 * What is decided is written in one transaction, and only for rows that are still claimed by this node and have no newer message. So
 * however many nodes decide at the same time, each person is told once.
 */
export async function decideDue(context: NotifierContext): Promise<number> {
	const nowMs = context.now();
	const due = await claimDue(context.db, nowMs, batchSize);
	if (due.length === 0) return 0;
	const situations = await situationsOf(context, due);
	const decided = due.map((row, i) => ({ row, decision: decide(situations[i] as Situation, context.delays, nowMs) }));
	decided.push(...(await othersInDigests(context, decided, nowMs)));

	await putOff(
		context.db,
		decided.flatMap(({ row, decision }) =>
			decision.kind === "wait"
				? [{ ...row, ...decision, firstSeq: decision.first.seq, firstAt: timeOf(decision.first.atMs) }]
				: [],
		),
	);
	await settleDecided(context, decided, nowMs);
	return due.length;
}

/** When the window of a digest is over, the digest takes along what else the person was not told of. */
async function othersInDigests(context: NotifierContext, decided: Decided[], nowMs: number): Promise<Decided[]> {
	const people = new Map(
		decided.flatMap(({ row: { userId, channel }, decision }) =>
			(decision.kind === "tell" || decision.kind === "mail") && decision.isDigest
				? [[`${userId} ${channel}`, { userId, channel }] as const]
				: [],
		),
	);
	if (people.size === 0) return [];
	const others = await claimOthers(context.db, nowMs, [...people.values()], maxConversations);
	const situations = await situationsOf(context, others);
	return others.map((row, i) => ({ row, decision: decide(situations[i] as Situation, context.delays, nowMs, true) }));
}

async function settleDecided(context: NotifierContext, decided: Decided[], nowMs: number): Promise<void> {
	const settling = decided.filter(({ decision }) => decision.kind !== "wait");
	if (settling.length === 0) return;
	const decisions = new Map(settling.map(({ row, decision }) => [row, decision]));
	const told = settling.filter(({ row, decision }) => decision.kind === "tell" && row.channel === "push");
	const devices = await devicesOf(
		context.db,
		told.map(({ row }) => row.userId),
	);

	await context.db.transaction(async (transaction) => {
		const settled = await settle(
			transaction,
			settling.map(({ row }) => row),
			nowMs,
		);
		const mails: Unnotified[] = [];
		const telling: { row: Unnotified; isDigest: boolean }[] = [];
		for (const row of settled) {
			const decision = decisions.get(row);
			if (decision?.kind !== "tell" && decision?.kind !== "mail") continue;
			const { kind, isDigest } = decision;
			if (kind === "tell") telling.push({ row, isDigest });
			const mailMs = kind === "mail" ? nowMs : nowMs + context.delays.emailAfterPushMs;
			if (row.channel === "push") mails.push({ ...row, channel: "email", isDeferred: isDigest, dueAt: timeOf(mailMs) });
		}
		if (context.mail) await addNews(transaction, mails);
		const targets = (row: Unnotified): Target[] =>
			row.channel === "email"
				? [{ channel: "email", deviceId: null }]
				: (devices.get(row.userId) ?? []).flatMap(({ id, kind }) =>
						context.push[kind] ? [{ channel: kind, deviceId: id }] : [],
					);
		await addNotifications(
			transaction,
			notificationsOf(telling).flatMap((group) =>
				targets(group.rows[0]).map((target) => ({ ...target, ...toNew(group), dueAt: timeOf(nowMs) })),
			),
		);
	});
}

type Target = Pick<NewNotification, "channel" | "deviceId">;

interface Group {
	rows: [Unnotified, ...Unnotified[]];
	isDigest: boolean;
}

/** One notification for each row, except that the rows of a digest are told together. */
function notificationsOf(telling: { row: Unnotified; isDigest: boolean }[]): Group[] {
	const groups: Group[] = [];
	const digests = new Map<string, Group>();
	for (const { row, isDigest } of telling) {
		const key = `${row.userId} ${row.channel}`;
		const open = isDigest ? digests.get(key) : undefined;
		if (open && open.rows.length < maxConversations) {
			open.rows.push(row);
			continue;
		}
		const group: Group = { rows: [row], isDigest };
		groups.push(group);
		if (isDigest) digests.set(key, group);
	}
	return groups;
}

function toNew({ rows, isDigest }: Group): Omit<NewNotification, "channel" | "deviceId" | "dueAt"> {
	const newestFirst = rows.toSorted((a, b) => Date.parse(b.lastAt) - Date.parse(a.lastAt));
	return {
		userId: rows[0].userId,
		conversationIds: newestFirst.map(({ conversationId }) => conversationId),
		seqs: newestFirst.map(({ lastSeq }) => lastSeq),
		isDigest,
		messageAt: timeOf(Math.min(...rows.map(({ firstAt }) => Date.parse(firstAt)))),
	};
}
