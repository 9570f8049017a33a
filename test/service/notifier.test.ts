import { randomUUID } from "node:crypto";
import { decideDue } from "../../services/notifier/due/decide-due.ts";
import { as, asPlatform } from "../support/broker.ts";
import { bulkConversations } from "../support/bulk.ts";
import { query } from "../support/database.ts";
import { SteppedNotifier } from "../support/notifier.ts";
import { type Conversing, openConversation, send } from "../support/platform.ts";
import { useNode } from "../support/use-node.ts";

jest.setTimeout(60_000);

let notifier: SteppedNotifier;

// Above the node, so that it ends before the node.
afterAll(() => notifier.close());

// Without `gateway`: nobody is connected. Without `notifier`: the test does its work.
const node = useNode({ services: ["conversations", "directory", "messages", "presence"] });

beforeAll(() => {
	notifier = new SteppedNotifier(node, node.databaseUrl);
});

let pair: Conversing;

beforeEach(async () => {
	pair = await openConversation(node.calls);
	notifier.given.length = 0;
	notifier.answer = () => ({ kind: "accepted" });
	notifier.nowMs = Date.now();
	await query(node.databaseUrl, "truncate unnotified, notifications, devices");
	const email = `${pair.employerId}@example.org`;
	await node.calls.call("users.put", { id: pair.employerId, name: "Bob", email }, asPlatform);
});

/** Alice writes to Bob, now by the notifier's clock. */
async function write(content = "hello"): Promise<number> {
	const { conversationId, applicantId } = pair;
	const { seq } = await send(node.calls, conversationId, applicantId, content);
	const createdAt = new Date(notifier.nowMs).toISOString();
	await notifier.note({ conversationId, seq, senderId: applicantId, createdAt });
	return seq;
}

/** Bob wants no mails. */
async function turnMailsOff({ digest = false } = {}): Promise<void> {
	await query(
		node.databaseUrl,
		"insert into notification_settings values ($1, true, false, true, false, '22:00', '07:00', 'UTC', $2, 15)",
		[pair.employerId, digest],
	);
}

/** Lets time pass while all attempts fail. */
async function passFailing(seconds: number, stepSeconds = seconds): Promise<void> {
	notifier.answer = () => ({ kind: "failed", reason: "503" });
	await notifier.pass(seconds, stepSeconds);
	notifier.answer = () => ({ kind: "accepted" });
}

async function addDevice(userId = pair.employerId, kind = "fcm"): Promise<string> {
	const id = randomUUID();
	await query(node.databaseUrl, "insert into devices (id, user_id, kind, address) values ($1, $2, $3, $4)", [
		...[id, userId, kind],
		`token-${id}`,
	]);
	return id;
}

const states = async () =>
	(
		await query<{ row: string }>(
			node.databaseUrl,
			"select channel || ' ' || state as row from notifications order by created_at, id",
		)
	).map(({ row }) => row);

test("an unread message is pushed after the delay, and mailed when it is still unread after that", async () => {
	await addDevice();
	const seq = await write("Are you free on Monday?");
	expect(await notifier.pass(29)).toEqual([]);
	expect(await notifier.pass(2)).toMatchObject([
		{
			channel: "fcm",
			content: { kind: "NEW_MESSAGE", title: "Alice Applicant", body: "Are you free on Monday?", seq, count: 1, badge: 1 },
		},
	]);
	expect(await notifier.pass(890)).toEqual([]);
	expect(await notifier.pass(20)).toMatchObject([{ channel: "email", mail: { to: `${pair.employerId}@example.org` } }]);
	expect(await notifier.pass(24 * 3_600, 3_600)).toEqual([]);
	expect(await states()).toEqual(["fcm SENT", "email SENT"]);
});

test("without a device the mail goes when the push would have gone", async () => {
	await write();
	expect(await notifier.pass(31)).toMatchObject([{ channel: "email" }]);
});

test("when no push is accepted, the mail goes at once; when one of two is, it waits", async () => {
	await addDevice();
	notifier.answer = ({ channel }) => (channel === "fcm" ? { kind: "failed", reason: "503" } : { kind: "accepted" });
	await write();
	expect((await notifier.pass(31)).map(({ channel }) => channel)).toEqual(["fcm", "email"]);

	pair = await openConversation(node.calls, { employerId: pair.employerId });
	await addDevice(pair.employerId, "webpush");
	await write();
	const given = await notifier.pass(31);
	expect(given.map(({ channel }) => channel)).not.toContain("email");
});

test("what is read in the last second before it is sent is not sent", async () => {
	await addDevice();
	await write();
	const { context } = notifier;
	notifier.nowMs += 31_000;
	expect(await decideDue(context)).toBe(1);
	expect(await states()).toEqual(["fcm WAITING"]);
	await node.calls.call("messages.markRead", { conversationId: pair.conversationId }, as(pair.employerId));
	expect(await notifier.work()).toEqual([]);
	expect(await states()).toEqual(["fcm CANCELLED"]);
});

test("when the message that was pushed first was read, the mail waits for the push of the next one", async () => {
	await addDevice();
	await write();
	expect(await notifier.pass(31)).toMatchObject([{ channel: "fcm" }]);
	await node.calls.call("messages.markRead", { conversationId: pair.conversationId }, as(pair.employerId));
	notifier.nowMs += 570_000;
	await write("Are you still there?");
	expect((await notifier.pass(31)).map(({ channel }) => channel)).toEqual(["fcm"]);
	expect(await notifier.pass(890, 10)).toEqual([]);
	expect(await notifier.pass(20, 10)).toMatchObject([{ channel: "email" }]);
});

test("a mute that comes between two attempts puts the push off to its end", async () => {
	await addDevice();
	await turnMailsOff();
	await write();
	await passFailing(31);
	const until = new Date(notifier.nowMs + 3_600_000).toISOString();
	await node.calls.call("conversations.mute", { conversationId: pair.conversationId, until }, as(pair.employerId));
	expect(await notifier.pass(3_540, 60)).toEqual([]);
	expect(await notifier.pass(120, 60)).toMatchObject([{ channel: "fcm", content: { count: 1 } }]);
});

test("a mute that is lifted before its end lets the push go that was put off", async () => {
	await addDevice();
	await turnMailsOff();
	await write();
	await passFailing(31);
	const { conversationId, employerId } = pair;
	await node.calls.call("conversations.mute", { conversationId, until: "9999-12-31T00:00:00Z" }, as(employerId));
	expect(await notifier.pass(600, 60)).toEqual([]);
	await node.calls.call("conversations.mute", { conversationId, until: null }, as(employerId));
	expect(await notifier.pass(3_600, 60)).toMatchObject([{ channel: "fcm" }]);
});

test("a conversation that is muted between two attempts is left out of a digest, and told of later", async () => {
	await addDevice();
	await turnMailsOff({ digest: true });
	const muted = pair;
	await write();
	pair = await openConversation(node.calls, { employerId: pair.employerId });
	await write();
	await passFailing(960, 60);
	const until = new Date(notifier.nowMs + 2 * 3_600_000).toISOString();
	await node.calls.call("conversations.mute", { conversationId: muted.conversationId, until }, as(pair.employerId));
	expect(await notifier.pass(360, 60)).toMatchObject([{ content: { conversationId: pair.conversationId, count: 1 } }]);
	expect(await notifier.pass(2 * 3_600, 60)).toMatchObject([{ content: { conversationId: muted.conversationId, count: 1 } }]);
});

test("thirty messages in a burst are one notification", async () => {
	await addDevice();
	for (let n = 0; n < 30; n++) await write();
	expect(await notifier.pass(31)).toMatchObject([{ content: { count: 30, seq: 30 } }]);
});

test("a provider that is away gets one notification when it is back, with the newest text", async () => {
	await addDevice();
	notifier.answer = () => ({ kind: "failed", reason: "ECONNREFUSED" });
	await write("first");
	await notifier.pass(60, 10);
	await write("second");
	await notifier.pass(600, 30);
	notifier.answer = () => ({ kind: "accepted" });
	const pushed = (await notifier.pass(3_600, 60)).filter(({ channel }) => channel === "fcm");
	expect(pushed).toMatchObject([{ content: { body: "second", count: 2 } }]);
});

test("a device that is gone is removed, and an address that is gone gets no mail until the platform registers the person anew", async () => {
	await addDevice();
	notifier.answer = () => ({ kind: "gone", reason: "410" });
	await write();
	expect((await notifier.pass(40, 2)).map(({ channel }) => channel)).toEqual(["fcm", "email"]);
	expect(await query(node.databaseUrl, "select from devices")).toEqual([]);
	await write();
	expect(await notifier.pass(3_600, 60)).toEqual([]);
	expect(await states()).toEqual(["fcm DEAD", "email DEAD"]);

	const contact = { id: pair.employerId, name: "Bob", email: `${pair.employerId}@example.org` };
	await query(node.databaseUrl, "update unreachable_addresses set since = now() - interval '1 s'");
	await node.calls.call("users.put", contact, asPlatform);
	notifier.nowMs = Date.now();
	await write();
	expect(await notifier.pass(31)).toMatchObject([{ channel: "email" }]);
});

test("who reads has the push taken away, once", async () => {
	await addDevice();
	await write();
	await write();
	await notifier.pass(31);
	await node.calls.call("messages.markRead", { conversationId: pair.conversationId }, as(pair.employerId));
	const taken = await notifier.pass(7_200, 60);
	expect(taken).toMatchObject([{ channel: "fcm", content: { kind: "CLEARED", conversationId: pair.conversationId, badge: 0 } }]);
	expect(await states()).toEqual(["fcm CLEARED"]);
});

test("an erased person is told nothing", async () => {
	await addDevice();
	await write();
	await node.calls.call("users.erase", { id: pair.employerId }, asPlatform);
	expect(await notifier.pass(3_600, 60)).toEqual([]);
	expect(await query(node.databaseUrl, "select from unnotified")).toEqual([]);
});

test("quiet hours put off, and their end tells of everything in one digest", async () => {
	await addDevice();
	await node.calls.call("users.put", { id: pair.employerId, name: "Bob", timezone: "UTC" }, asPlatform);
	await query(
		node.databaseUrl,
		`insert into notification_settings values ($1, true, true, true, true, '22:00', '07:00', 'UTC', false, 15)`,
		[pair.employerId],
	);
	// At 23:00 of tomorrow.
	notifier.nowMs = Math.floor(Date.now() / 86_400_000) * 86_400_000 + 47 * 3_600_000;
	for (const _ of [1, 2, 3]) await hearFromSomebodyNew();
	expect(await notifier.pass(7.5 * 3_600, 1_800)).toEqual([]);
	const [digest, ...others] = await notifier.pass(1_860, 60);
	expect(digest).toMatchObject({ channel: "fcm", content: { conversationId: null, count: 3 } });
	expect(others).toEqual([]);
});

test("a night with news in 300 conversations is one push and one mail", async () => {
	await addDevice();
	const { employerId } = pair;
	await query(
		node.databaseUrl,
		"insert into notification_settings values ($1, true, true, true, true, '22:00', '07:00', 'UTC', false, 15)",
		[employerId],
	);
	notifier.nowMs = Math.floor(Date.now() / 86_400_000) * 86_400_000 + 47 * 3_600_000;
	const ids = await bulkConversations(node.databaseUrl, {
		applicantId: employerId,
		employerId: pair.applicantId,
		count: 300,
		messages: 1,
	});
	const createdAt = new Date(notifier.nowMs).toISOString();
	await notifier.note(...ids.map((conversationId) => ({ conversationId, seq: 1, senderId: pair.applicantId, createdAt })));
	const given = await notifier.pass(9 * 3_600, 1_800);
	expect(given.map(({ channel }) => channel)).toEqual(["fcm", "email"]);
	expect(given).toMatchObject([{ content: { count: 300 } }, { mail: { subject: expect.stringContaining("300") } }]);
});

test.each(["fcm", "email"])("a digest by %s takes along conversations whose own windows end soon after", async (channel) => {
	if (channel === "fcm") await addDevice();
	await query(
		node.databaseUrl,
		`insert into notification_settings values ($1, true, $2, true, false, '22:00', '07:00', 'UTC', true, 15)`,
		[pair.employerId, channel === "email"],
	);
	for (const secondsLater of [5, 10, 100]) {
		await hearFromSomebodyNew();
		expect(await notifier.pass(secondsLater, 1)).toEqual([]);
	}
	expect(await notifier.pass(15 * 60 - 116, 28)).toEqual([]);
	expect(await notifier.pass(3, 1)).toMatchObject([
		channel === "fcm"
			? { channel, content: { conversationId: null, count: 3 } }
			: { channel, mail: { subject: expect.stringContaining("3 new messages in 3 conversations") } },
	]);
	expect(await notifier.pass(3_600, 10)).toEqual([]);
});

/** Another applicant writes to Bob, by the notifier's clock. */
async function hearFromSomebodyNew(): Promise<void> {
	const { conversationId, applicantId } = await openConversation(node.calls, { employerId: pair.employerId });
	const { seq } = await send(node.calls, conversationId, applicantId);
	await notifier.note({ conversationId, seq, senderId: applicantId, createdAt: new Date(notifier.nowMs).toISOString() });
}
