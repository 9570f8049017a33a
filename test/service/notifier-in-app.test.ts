import type { z } from "zod";
import type { WithDatabase } from "../../mixins/database.ts";
import { type ServerEvents, serverEvents } from "../../services/gateway/gateway.contract.ts";
import { InApp } from "../../services/notifier/in-app/in-app.ts";
import type { InAppSettings } from "../../services/notifier/in-app/in-app-content.ts";
import { eventually, until } from "../../testing/until.ts";
import { as } from "../support/broker.ts";
import { openConversation, send } from "../support/platform.ts";
import { useNode } from "../support/use-node.ts";
import { type HeardPush, recordingGateway } from "../support/watchers.ts";

jest.setTimeout(20_000);

const pushes: HeardPush[] = [];
const node = useNode({
	services: ["conversations", "directory", "messages", "presence"],
	others: [recordingGateway(pushes)],
});

const chosen = new Map<string, InAppSettings>();
let isQuiet = false;
let inApp: InApp;

beforeEach(() => {
	isQuiet = false;
	const { db } = node.broker.getLocalService("messages") as unknown as WithDatabase;
	inApp = new InApp({
		broker: node.broker,
		db,
		now: Date.now,
		settingsOf: async (_db, contacts) =>
			new Map([...contacts.keys()].map((userId) => [userId, chosen.get(userId) ?? settings(true)])),
		quietUntil: (_hours, nowMs) => (isQuiet ? nowMs + 1 : null),
		shortOf: ({ conversations: [{ senderName, jobTitle, text }] }) => ({ title: `${senderName}, ${jobTitle}`, body: text ?? "" }),
		shown: "full",
	});
});

afterEach(() => inApp.stop());

test("a notification says who wrote what, and how much is unread", async () => {
	const { conversationId, applicantId, employerId: userId } = await openConversation(node.calls);
	await send(node.calls, conversationId, applicantId, "first");
	await send(node.calls, conversationId, applicantId, "second");
	inApp.told([{ conversationId, userId, seq: 2 }]);
	await eventually(() =>
		expect(heardBy(userId)).toEqual([
			{
				kind: "NEW_MESSAGE",
				conversationId,
				seq: 2,
				senderId: applicantId,
				title: "Alice Applicant, Lighthouse keeper",
				body: "second",
				count: 2,
			},
		]),
	);
	const schema: z.ZodType = serverEvents.notification;
	expect(schema.parse(heardBy(userId)[0])).toEqual(heardBy(userId)[0]);
});

test("of many messages in a conversation the first is told at once, and then the newest, not sooner than a second later", async () => {
	const { conversationId, applicantId, employerId: userId } = await openConversation(node.calls);
	const startedMs = performance.now();
	for (let seq = 1; seq <= 5; seq++) {
		await send(node.calls, conversationId, applicantId);
		inApp.told([{ conversationId, userId, seq }]);
		if (seq === 1) await until(() => heardBy(userId).length === 1);
	}
	await until(() => heardBy(userId).length === 2);
	expect(performance.now() - startedMs).toBeGreaterThan(950);
	await inApp.stop();
	expect(heardBy(userId)).toMatchObject([
		{ seq: 1, count: 1 },
		{ seq: 5, count: 5 },
	]);
});

test("nobody is told who does not want it now: off, muted, quiet hours, or read already", async () => {
	const { calls } = node;
	const people = await Promise.all(
		["off", "muted", "read", "wants"].map(async (why) => ({ why, ...(await openConversation(calls)) })),
	);
	for (const { why, conversationId, applicantId, employerId } of people) {
		await send(calls, conversationId, applicantId);
		if (why === "off") chosen.set(employerId, settings(false));
		if (why === "muted")
			await calls.call("conversations.mute", { conversationId, until: "2090-01-01T00:00:00Z" }, as(employerId));
		if (why === "wants")
			await calls.call("conversations.mute", { conversationId, until: "2020-01-01T00:00:00Z" }, as(employerId));
		if (why === "read") await calls.call("messages.markRead", { conversationId }, as(employerId));
	}
	inApp.told(people.map(({ conversationId, employerId }) => ({ conversationId, userId: employerId, seq: 1 })));
	await inApp.stop();
	expect(people.filter(({ employerId }) => heardBy(employerId).length > 0).map(({ why }) => why)).toEqual(["wants"]);
});

test("nobody is told in quiet hours", async () => {
	const { conversationId, applicantId, employerId: userId } = await openConversation(node.calls);
	await send(node.calls, conversationId, applicantId);
	isQuiet = true;
	inApp.told([{ conversationId, userId, seq: 1 }]);
	await inApp.stop();
	expect(heardBy(userId)).toEqual([]);
});

test("reading clears, and a message after it is told later than the clearing", async () => {
	const { conversationId, applicantId, employerId: userId } = await openConversation(node.calls);
	await send(node.calls, conversationId, applicantId);
	await node.calls.call("messages.markRead", { conversationId }, as(userId));
	await send(node.calls, conversationId, applicantId);
	inApp.told([{ conversationId, userId, seq: 2 }]);
	inApp.read(userId, conversationId);
	inApp.read(userId, conversationId);
	await inApp.stop();
	const events = pushes.filter((push) => push.userId === userId && push.event.startsWith("notification"));
	expect(events.map(({ event }) => event)).toEqual(["notification_cleared", "notification"]);
	expect(events[0]?.payload).toEqual({ conversationId });
});

function heardBy(userId: string): ServerEvents["notification"][] {
	return pushes
		.filter((push) => push.userId === userId && push.event === "notification")
		.map(({ payload }) => payload as ServerEvents["notification"]);
}

function settings(inApp: boolean): InAppSettings {
	return { newMessage: { inApp }, quietHours: { enabled: true, start: "22:00", end: "07:00", timezone: "UTC" } };
}
