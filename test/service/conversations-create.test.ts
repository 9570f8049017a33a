import { randomUUID } from "node:crypto";
import { until } from "../../testing/until.ts";
import { as, asPlatform, startBroker } from "../support/broker.ts";
import { query } from "../support/database.ts";
import { openConversation, registerApplication, registerUser } from "../support/platform.ts";
import { useNodes } from "../support/use-node.ts";
import { type HeardPush, recordingGateway } from "../support/watchers.ts";

jest.setTimeout(20_000);

const pushes: HeardPush[] = [];

const services = ["conversations", "directory", "messages", "presence"] as const;
const [node, other] = useNodes({ services, others: [recordingGateway(pushes)] }, { services: ["conversations", "messages"] });

test("twenty who open the same conversation at once, on two nodes, open one; both people are shown it once", async () => {
	const { jobApplicationId, applicantId, employerId } = await registerApplication(node.calls);
	const opened = await Promise.all(
		Array.from({ length: 20 }, (_, i) => {
			const { calls } = i % 4 < 2 ? node : other;
			return calls.call("conversations.create", { jobApplicationId }, as(i % 2 === 0 ? applicantId : employerId));
		}),
	);
	const ids = new Set(opened.map(({ id }) => id));
	expect(ids.size).toBe(1);
	const [id] = ids;
	expect(
		await query(node.databaseUrl, "select user_id from participants where conversation_id = $1 order by user_id", [id]),
	).toEqual([applicantId, employerId].sort().map((user_id) => ({ user_id })));
	const shown = () => pushes.filter(({ payload }) => (payload as { conversation?: { id: string } }).conversation?.id === id);
	await until(() => shown().length === 2);
	expect(
		shown()
			.map(({ userId, event }) => `${event} ${userId}`)
			.sort(),
	).toEqual([applicantId, employerId].map((userId) => `conversation_updated ${userId}`).sort());
});

test("a new conversation is empty and active, with the applicant first", async () => {
	const { jobApplicationId, applicantId, employerId } = await registerApplication(node.calls);
	const conversation = await node.calls.call("conversations.create", { jobApplicationId }, as(employerId));
	expect(conversation).toEqual({
		id: expect.any(String),
		jobApplicationId,
		jobTitle: "Lighthouse keeper",
		participants: [
			{ userId: applicantId, name: "Alice Applicant", readSeq: 0, deliveredSeq: 0 },
			{ userId: employerId, name: "Bob Employer", readSeq: 0, deliveredSeq: 0 },
		],
		status: "ACTIVE",
		lastSeq: 0,
		lastMessage: null,
		lastMessageAt: null,
		unreadCount: 0,
		mutedUntil: null,
		archivedAt: null,
		archivedBy: null,
		createdAt: expect.any(String),
		updatedAt: conversation.createdAt,
	});
	expect(await node.calls.call("conversations.create", { jobApplicationId }, as(applicantId))).toEqual(conversation);
});

test("another application of the same people is another conversation", async () => {
	const first = await openConversation(node.calls);
	const second = await openConversation(node.calls, first);
	expect(second.conversationId).not.toBe(first.conversationId);
});

test("whoever is not of the application finds nothing, whether its conversation is open or not", async () => {
	const stranger = as(await registerUser(node.calls));
	const { jobApplicationId, applicantId } = await registerApplication(node.calls);
	const attempt = () => node.calls.call("conversations.create", { jobApplicationId }, stranger);
	await expect(attempt()).rejects.toMatchObject({ type: "NOT_FOUND" });
	await node.calls.call("conversations.create", { jobApplicationId }, as(applicantId));
	await expect(attempt()).rejects.toMatchObject({ type: "NOT_FOUND" });
});

test("without an application there is no conversation", async () => {
	const attempt = node.calls.call("conversations.create", { jobApplicationId: randomUUID() }, as(await registerUser(node.calls)));
	await expect(attempt).rejects.toMatchObject({ type: "APPLICATION_REQUIRED" });
});

test("that the directory cannot be asked is no answer about the application", async () => {
	const alone = await startBroker({ databaseUrl: node.databaseUrl, services: ["conversations"] });
	try {
		const attempt = alone.calls.call("conversations.create", { jobApplicationId: randomUUID() }, as("somebody"));
		await expect(attempt).rejects.toMatchObject({ type: "SERVICE_NOT_FOUND" });
	} finally {
		await alone.stop();
	}
});

test("an erased person's name is gone from the conversation, which stays whole for the other", async () => {
	const { conversationId, applicantId, employerId } = await openConversation(node.calls);
	await node.calls.call("users.erase", { id: applicantId }, asPlatform);
	const { participants } = await node.calls.call("conversations.get", { conversationId }, as(employerId));
	expect(participants.map(({ name }) => name)).toEqual(["Deleted user", "Bob Employer"]);
});
