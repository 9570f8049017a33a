import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { Database } from "../../mixins/database.ts";
import { list } from "../../services/messages/list.ts";
import { markDelivered } from "../../services/messages/mark-delivered.ts";
import { markRead, type Reading } from "../../services/messages/mark-read.ts";
import { textMessages } from "../../testing/text-messages.ts";
import { until } from "../../testing/until.ts";
import { append } from "../support/append.ts";
import { as } from "../support/broker.ts";
import { holding } from "../support/database.ts";
import { type Conversing, openConversation, send } from "../support/platform.ts";
import { countUnread } from "../support/stored.ts";
import { useNodes } from "../support/use-node.ts";
import { eventWatcher, type HeardEvent, type HeardPush, recordingGateway } from "../support/watchers.ts";

jest.setTimeout(60_000);

const events: HeardEvent[] = [];
const pushes: HeardPush[] = [];
let db: Database;

// Above the nodes, so that this is closed before they stop.
afterAll(() => db.close());

const [caller, server] = useNodes(
	{ services: [], others: [recordingGateway(pushes), eventWatcher(events)] },
	{ services: ["conversations", "directory", "messages", "presence"] },
);

beforeAll(async () => {
	db = new Database(server.databaseUrl, () => {});
});

test("reading moves forward only, and never past the newest message", async () => {
	const { conversationId, applicantId, employerId } = await withMessages(5);
	const read = (seq?: number) =>
		caller.calls.call("messages.markRead", { conversationId, ...(seq !== undefined && { seq }) }, as(employerId));
	expect(await read(0)).toEqual({ conversationId, readSeq: 0, unreadCount: 5 });
	expect(await read(3)).toEqual({ conversationId, readSeq: 3, unreadCount: 2 });
	expect(await read(1)).toEqual({ conversationId, readSeq: 3, unreadCount: 2 });
	expect(await read(1_000_000)).toEqual({ conversationId, readSeq: 5, unreadCount: 0 });
	await send(caller.calls, conversationId, applicantId);
	await send(caller.calls, conversationId, employerId);
	expect(await read(5)).toEqual({ conversationId, readSeq: 5, unreadCount: 1 });
	expect(await read()).toEqual({ conversationId, readSeq: 7, unreadCount: 0 });
});

test("reading an empty conversation is no error and says nothing to anybody", async () => {
	const { conversationId, applicantId } = await openConversation(caller.calls);
	const reading = await caller.calls.call("messages.markRead", { conversationId }, as(applicantId));
	expect(reading).toEqual({ conversationId, readSeq: 0, unreadCount: 0 });
	await expectSilence(conversationId);
});

test("a message's id stands for its seq", async () => {
	const { conversationId, applicantId, employerId } = await openConversation(caller.calls);
	const { id: messageId } = await send(caller.calls, conversationId, applicantId);
	await send(caller.calls, conversationId, applicantId);
	const reading = await caller.calls.call("messages.markRead", { messageId }, as(employerId));
	expect(reading).toEqual({ conversationId, readSeq: 1, unreadCount: 1 });
});

test.each<[string, object]>([
	["neither a conversation nor a message", {}],
	["both a conversation and a message", { conversationId: "own", messageId: "own" }],
	["a negative seq", { conversationId: "own", seq: -1 }],
	["a seq that is no whole number", { conversationId: "own", seq: 1.5 }],
	["a seq that is no number", { conversationId: "own", seq: "1x" }],
])("reading %s is refused", async (_what, params) => {
	const { conversationId, applicantId } = await openConversation(caller.calls);
	const { id: messageId } = await send(caller.calls, conversationId, applicantId);
	const own = { ...params, ...("conversationId" in params && { conversationId }), ...("messageId" in params && { messageId }) };
	const refusal = caller.calls.call("messages.markRead", own, as(applicantId));
	await expect(refusal).rejects.toMatchObject({ type: "VALIDATION_FAILED" });
});

test("two devices that read at once end at the further of both, and the count is right", async () => {
	const conversing = await withMessages(20);
	const { conversationId, employerId } = conversing;
	const seqs = [3, 20, 7, 12, 1, 20, 15, 9];
	const readings = await Promise.all(seqs.map((seq) => markRead(db, conversationId, employerId, seq)));
	expect(Math.max(...readings.map(({ readSeq }) => readSeq))).toBe(20);
	expect(readings.filter(({ readSeq }, i) => readSeq < (seqs[i] ?? 0))).toEqual([]);
	expect(readings.filter(({ readSeq, readAt }) => readSeq === 20 && readAt !== null)).toHaveLength(1);
	expect(await countUnread(db, conversationId, employerId)).toBe(0);
	expect(await caller.calls.call("conversations.unreadCount", { conversationId }, as(employerId))).toEqual({ count: 0 });
});

test("of two readings that wait for each other the lower one, though it comes last, does not move back", async () => {
	const { conversationId, employerId } = await withMessages(5);
	const readings: Promise<Reading>[] = [];
	const lock = "select from participants where conversation_id = $1 and user_id = $2 for update";
	await holding(server.databaseUrl, lock, [conversationId, employerId], async (waiting) => {
		for (const seq of [5, 2]) {
			readings.push(markRead(db, conversationId, employerId, seq));
			await until(async () => (await waiting()) === readings.length);
		}
	});
	expect(await Promise.all(readings)).toMatchObject([
		{ readSeq: 5, unreadCount: 0, readAt: expect.any(String) },
		{ readSeq: 5, unreadCount: 0, readAt: null, deliveredAt: null },
	]);
	expect(await countUnread(db, conversationId, employerId)).toBe(0);
});

test("both hear of a reading, the writer also of the delivery, and nobody hears it twice", async () => {
	const { conversationId, applicantId, employerId } = await withMessages(2);
	await caller.calls.call("messages.markRead", { conversationId, seq: 2 }, as(employerId));
	await caller.calls.call("messages.markRead", { conversationId, seq: 1 }, as(employerId));
	await until(() => heardOf(conversationId, "message_read").length >= 2);
	const receipt = { conversationId, userId: employerId, seq: 2, at: expect.any(String) };
	expect(heardOf(conversationId, "message_delivered")).toEqual([
		{ userId: applicantId, event: "message_delivered", payload: receipt },
	]);
	expect(heardOf(conversationId, "message_read")).toEqual([
		{ userId: applicantId, event: "message_read", payload: receipt },
		{ userId: employerId, event: "message_read", payload: receipt },
	]);
	const read = await until(() =>
		events.find(({ name, payload }) => name === "conversation.read" && isAbout(payload, conversationId)),
	);
	expect(read.payload).toEqual({ conversationId, userId: employerId, seq: 2 });
	const unread = await until(() =>
		heardOf(conversationId, "unread_count").find(({ payload }) => (payload as { count: number }).count === 0),
	);
	expect(unread).toMatchObject({ userId: employerId, payload: { count: 0, total: 0 } });
});

test("an acknowledgement that comes late, twice, too high or from a stranger changes nothing that was said", async () => {
	const { conversationId, applicantId, employerId } = await withMessages(3);
	const acknowledge = (userId: string, seq: number) => markDelivered(db, [{ conversationId, userId, seq }]);
	const [delivery] = await acknowledge(employerId, 2);
	expect(delivery).toEqual({ conversationId, userId: employerId, otherId: applicantId, seq: 2, at: expect.any(String) });
	const before = await page(conversationId);

	expect(await acknowledge(employerId, 1)).toEqual([]);
	expect(await acknowledge(employerId, 2)).toEqual([]);
	expect(await acknowledge("a stranger", 3)).toEqual([]);
	expect(await markDelivered(db, [{ conversationId: randomUUID(), userId: employerId, seq: 1 }])).toEqual([]);
	expect(await page(conversationId)).toEqual(before);
	expect(before.map(({ deliveredAt }) => deliveredAt)).toEqual([delivery?.at, delivery?.at, null]);

	const [capped] = await acknowledge(employerId, 99);
	expect(capped).toMatchObject({ seq: 3 });
	expect((await page(conversationId)).map(({ deliveredAt }) => deliveredAt)).toEqual([delivery?.at, delivery?.at, capped?.at]);
});

test("acknowledgements of several devices and conversations in one go move each cursor once", async () => {
	const one = await withMessages(3);
	const two = await withMessages(1);
	const acks = [
		{ conversationId: one.conversationId, userId: one.employerId, seq: 1 },
		{ conversationId: one.conversationId, userId: one.employerId, seq: 3 },
		{ conversationId: two.conversationId, userId: two.employerId, seq: 1 },
	];
	await caller.calls.call("messages.markDelivered", { acks });
	await until(() => heardOf(two.conversationId, "message_delivered").length > 0);
	expect(heardOf(one.conversationId, "message_delivered")).toMatchObject([{ userId: one.applicantId, payload: { seq: 3 } }]);
	expect(heardOf(two.conversationId, "message_delivered")).toMatchObject([{ userId: two.applicantId, payload: { seq: 1 } }]);
});

test("each message was delivered and read when the first receipt at or above it came, whatever came before and after", async () => {
	const step = fc.record({
		kind: fc.constantFrom("send", "send", "deliver", "read"),
		person: fc.constantFrom("applicantId", "employerId"),
		seq: fc.integer({ min: 1, max: 12 }),
	});
	await fc.assert(
		fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
			const conversing = await openConversation(caller.calls);
			const { conversationId } = conversing;
			/** What each message should say; the reader's cursors decide. */
			const model: { senderId: string; deliveredAt: string | null; readAt: string | null }[] = [];
			for (const { kind, person, seq } of steps) {
				const userId = conversing[person];
				const reached = model.slice(0, seq).filter(({ senderId }) => senderId !== userId);
				if (kind === "send") {
					model.push({ senderId: userId, deliveredAt: null, readAt: null });
					const draft = {
						conversationId,
						senderId: userId,
						clientId: randomUUID(),
						content: "x",
						imageId: null,
						image: null,
						replyToSeq: null,
						metadata: {},
					};
					await append(db, [{ ...draft, type: "TEXT" }]);
				} else if (kind === "deliver") {
					const [delivery] = await markDelivered(db, [{ conversationId, userId, seq }]);
					for (const message of reached) message.deliveredAt ??= delivery?.at ?? "delivered without a receipt";
				} else {
					const reading = await markRead(db, conversationId, userId, seq);
					for (const message of reached) {
						message.readAt ??= reading.readAt ?? "read without a receipt";
						message.deliveredAt ??= reading.deliveredAt ?? "delivered without a receipt";
					}
				}
			}
			const said = (await page(conversationId)).map(({ senderId, deliveredAt, readAt }) => ({ senderId, deliveredAt, readAt }));
			expect(said).toEqual(model);
		}),
		{ numRuns: 25 },
	);
});

/** What the applicant wrote. */
async function withMessages(count: number): Promise<Conversing> {
	const conversing = await openConversation(caller.calls);
	for (let i = 0; i < count; i++) await send(caller.calls, conversing.conversationId, conversing.applicantId);
	return conversing;
}

async function page(conversationId: string) {
	return (await list(db, textMessages, { conversationId, after: 0, limit: 100 })).items;
}

function heardOf(conversationId: string, event: string): HeardPush[] {
	return pushes.filter((push) => push.event === event && isAbout(push.payload, conversationId));
}

function isAbout(payload: unknown, conversationId: string): boolean {
	return (payload as { conversationId?: string }).conversationId === conversationId;
}

/** What another conversation causes meanwhile has arrived, and nothing of this one. */
async function expectSilence(conversationId: string): Promise<void> {
	const other = await withMessages(1);
	await caller.calls.call("messages.markRead", other, as(other.employerId));
	await until(() => heardOf(other.conversationId, "message_read").length > 0);
	expect(pushes.filter(({ payload }) => isAbout(payload, conversationId))).toEqual([]);
}
