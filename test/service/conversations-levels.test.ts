import { randomUUID } from "node:crypto";
import { until } from "../../testing/until.ts";
import { as } from "../support/broker.ts";
import { openConversation, registerUser, send } from "../support/platform.ts";
import { useNode } from "../support/use-node.ts";
import { eventWatcher, type HeardEvent } from "../support/watchers.ts";

jest.setTimeout(20_000);

const events: HeardEvent[] = [];
const node = useNode({ services: ["conversations", "directory", "messages"], others: [eventWatcher(events)] });

test("levels are in the order of the pairs, and leave out who is not in the conversation", async () => {
	const { calls } = node;
	const { conversationId, applicantId, employerId, jobApplicationId } = await openConversation(calls);
	for (const senderId of [applicantId, employerId, employerId, applicantId]) await send(calls, conversationId, senderId);
	await calls.call("messages.markRead", { conversationId, seq: 2 }, as(applicantId));
	await calls.call("messages.markDelivered", { acks: [{ conversationId, userId: applicantId, seq: 3 }] });
	await calls.call("conversations.mute", { conversationId, until: "2020-01-01T00:00:00Z" }, as(applicantId));
	const empty = await openConversation(calls, { employerId: applicantId });
	const pairs = [
		{ conversationId: empty.conversationId, userId: applicantId },
		{ conversationId, userId: await registerUser(calls) },
		{ conversationId, userId: employerId },
		{ conversationId: randomUUID(), userId: applicantId },
		{ conversationId, userId: applicantId },
	];
	const shared = { conversationId, jobApplicationId, status: "ACTIVE", lastSeq: 4 };
	expect(await calls.call("conversations.levels", { pairs })).toEqual({
		levels: [
			{
				conversationId: empty.conversationId,
				userId: applicantId,
				otherId: empty.applicantId,
				jobApplicationId: empty.jobApplicationId,
				status: "ACTIVE",
				lastSeq: 0,
				readSeq: 0,
				deliveredSeq: 0,
				unreadCount: 0,
				mutedUntil: null,
			},
			expect.objectContaining({ ...shared, userId: employerId, otherId: applicantId, mutedUntil: null }),
			{
				...shared,
				userId: applicantId,
				otherId: employerId,
				readSeq: 2,
				deliveredSeq: 3,
				unreadCount: 1,
				mutedUntil: "2020-01-01T00:00:00.000Z",
			},
		],
	});
	for (const userId of [applicantId, employerId]) {
		const { count } = await calls.call("conversations.unreadCount", { conversationId }, as(userId));
		const { levels } = await calls.call("conversations.levels", { pairs: [{ conversationId, userId }] });
		expect(levels).toMatchObject([{ unreadCount: count }]);
	}
});

test("totals are over all conversations of each user, and 0 for an unknown one", async () => {
	const { calls } = node;
	const { conversationId, applicantId, employerId } = await openConversation(calls);
	const second = await openConversation(calls, { employerId });
	for (const seq of [1, 2]) expect(await send(calls, conversationId, applicantId)).toMatchObject({ seq });
	await send(calls, second.conversationId, second.applicantId);
	const unknown = randomUUID();
	const userIds = [applicantId, employerId, unknown];
	expect(await calls.call("conversations.totals", { userIds })).toEqual({ [applicantId]: 0, [employerId]: 3, [unknown]: 0 });
});

test("muting and its end are both announced to other services", async () => {
	const { calls } = node;
	const { conversationId, applicantId } = await openConversation(calls);
	const heard = () =>
		events.filter(({ name, payload }) => {
			return name === "conversation.muted" && (payload as { conversationId: string }).conversationId === conversationId;
		});
	for (const [i, time] of ["2030-01-01T00:00:00Z", null].entries()) {
		await calls.call("conversations.mute", { conversationId, until: time }, as(applicantId));
		await until(() => heard().length === i + 1);
	}
	expect(heard()[1]?.payload).toEqual({ conversationId, userId: applicantId });
});
