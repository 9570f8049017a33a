import { until } from "../../testing/until.ts";
import { as } from "../support/broker.ts";
import { query } from "../support/database.ts";
import { openConversation, registerUser, send } from "../support/platform.ts";
import { useNode } from "../support/use-node.ts";
import { type HeardPush, recordingGateway } from "../support/watchers.ts";

jest.setTimeout(20_000);

const pushes: HeardPush[] = [];

const services = ["conversations", "directory", "messages", "presence"] as const;
const node = useNode({ services, others: [recordingGateway(pushes)] });

test("archiving and reopening are for both, and doing either twice changes nothing and tells nobody", async () => {
	const { calls } = node;
	const { conversationId, applicantId, employerId } = await openConversation(calls);
	const one = { conversationId };
	const archived = await calls.call("conversations.archive", one, as(applicantId));
	expect(archived).toMatchObject({ status: "ARCHIVED", archivedBy: applicantId, archivedAt: expect.any(String) });
	expect(archived.updatedAt >= archived.createdAt).toBe(true);
	expect(await calls.call("conversations.archive", one, as(employerId))).toEqual(archived);
	expect(await calls.call("conversations.get", one, as(employerId))).toEqual(archived);
	await expect(send(calls, conversationId, employerId)).rejects.toMatchObject({ type: "CONVERSATION_ARCHIVED" });

	const reopened = await calls.call("conversations.reopen", one, as(employerId));
	expect(reopened).toMatchObject({ status: "ACTIVE", archivedBy: null, archivedAt: null });
	expect(await calls.call("conversations.reopen", one, as(applicantId))).toEqual(reopened);
	expect(await send(calls, conversationId, employerId)).toMatchObject({ seq: 1 });

	// Opened, archived, reopened: three times to both, in this order.
	await until(() => shown(conversationId, applicantId).length >= 3 && shown(conversationId, employerId).length >= 3);
	for (const userId of [applicantId, employerId]) {
		expect(shown(conversationId, userId)).toMatchObject([{ status: "ACTIVE" }, { status: "ARCHIVED" }, { status: "ACTIVE" }]);
	}
});

test("archiving what was archived by itself makes it theirs, so that no message reopens it", async () => {
	const { conversationId, applicantId } = await openConversation(node.calls);
	await query(node.databaseUrl, "update conversations set status = 'AUTO_ARCHIVED', archived_at = now() where id = $1", [
		conversationId,
	]);
	const archived = await node.calls.call("conversations.archive", { conversationId }, as(applicantId));
	expect(archived).toMatchObject({ status: "ARCHIVED", archivedBy: applicantId });
	await expect(send(node.calls, conversationId, applicantId)).rejects.toMatchObject({ type: "CONVERSATION_ARCHIVED" });
});

test("muting is the business of who mutes; any offset is read as UTC, and null ends it", async () => {
	const { calls } = node;
	const { conversationId, applicantId, employerId } = await openConversation(calls);
	const mute = (until: string | null) => calls.call("conversations.mute", { conversationId, until }, as(applicantId));
	expect(await mute("2030-06-01T12:00:00+02:00")).toMatchObject({ mutedUntil: "2030-06-01T10:00:00.000Z" });
	expect(await calls.call("conversations.get", { conversationId }, as(employerId))).toMatchObject({ mutedUntil: null });
	expect(await mute(null)).toMatchObject({ mutedUntil: null });
	await expect(mute("tomorrow")).rejects.toMatchObject({ type: "VALIDATION_FAILED", data: [{ path: "until" }] });
	await expect(mute("2030-02-30T00:00:00Z")).rejects.toMatchObject({ type: "VALIDATION_FAILED" });
});

test("each sees the conversation with their own count, and all their conversations' counts add up", async () => {
	const { calls } = node;
	const viewerId = await registerUser(calls);
	const asApplicant = await openConversation(calls, { applicantId: viewerId });
	const asEmployer = await openConversation(calls, { employerId: viewerId });
	for (let i = 0; i < 3; i++) await send(calls, asApplicant.conversationId, asApplicant.employerId);
	await send(calls, asApplicant.conversationId, viewerId);
	const last = await send(calls, asEmployer.conversationId, asEmployer.applicantId);

	const unread = async (userId: string, conversationId?: string) =>
		(await calls.call("conversations.unreadCount", { ...(conversationId && { conversationId }) }, as(userId))).count;
	expect(await unread(viewerId)).toBe(4);
	expect(await unread(viewerId, asApplicant.conversationId)).toBe(3);
	expect(await unread(asApplicant.employerId)).toBe(1);
	const { conversationId } = asEmployer;
	expect(await calls.call("conversations.get", { conversationId }, as(viewerId))).toMatchObject({
		unreadCount: 1,
		lastMessage: last,
	});
	expect(await calls.call("conversations.get", { conversationId }, as(asEmployer.applicantId))).toMatchObject({ unreadCount: 0 });
	expect(await unread(await registerUser(calls))).toBe(0);
});

test("a conversation's figures are those of its messages and cursors", async () => {
	const { calls } = node;
	const { conversationId, applicantId, employerId } = await openConversation(calls);
	const figures = () => calls.call("conversations.metadata", { conversationId }, as(applicantId));
	const untouched = { lastSeenAt: null, readSeq: 0, deliveredSeq: 0 };
	expect(await figures()).toEqual({
		conversationId,
		messageCount: 0,
		firstMessageAt: null,
		lastMessageAt: null,
		participants: [
			{ userId: applicantId, ...untouched },
			{ userId: employerId, ...untouched },
		],
	});
	const first = await send(calls, conversationId, applicantId);
	const second = await send(calls, conversationId, applicantId);
	await calls.call("messages.markDelivered", { acks: [{ conversationId, userId: employerId, seq: 2 }] });
	await calls.call("messages.markRead", { conversationId, seq: 1 }, as(employerId));
	expect(await figures()).toMatchObject({
		messageCount: 2,
		firstMessageAt: first.createdAt,
		lastMessageAt: second.createdAt,
		participants: [
			{ userId: applicantId, ...untouched },
			{ userId: employerId, readSeq: 1, deliveredSeq: 2 },
		],
	});
});

function shown(conversationId: string, userId: string) {
	return pushes
		.filter((push) => push.event === "conversation_updated" && push.userId === userId)
		.map(({ payload }) => (payload as { conversation: { id: string; status: string } }).conversation)
		.filter(({ id }) => id === conversationId);
}
