import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { Database, statement } from "../../mixins/database.ts";
import type { Draft, Sent } from "../../services/messages/append.ts";
import { markDelivered } from "../../services/messages/mark-delivered.ts";
import { markRead } from "../../services/messages/mark-read.ts";
import { until } from "../../testing/until.ts";
import { append } from "../support/append.ts";
import { as } from "../support/broker.ts";
import { holding, query } from "../support/database.ts";
import { type Conversing, openConversation } from "../support/platform.ts";
import { countUnread, storedMessages } from "../support/stored.ts";
import { useNode } from "../support/use-node.ts";

jest.setTimeout(60_000);

/** Two nodes, as far as PostgreSQL can tell. */
let nodes: [Database, Database];

// Above the nodes, so that this is closed before they stop.
afterAll(async () => {
	for (const db of nodes) await db.close();
});

const node = useNode({ services: ["conversations", "directory", "messages"] });

beforeAll(async () => {
	nodes = [open(), open()];
});

describe("whatever is sent, read and acknowledged at once on two nodes", () => {
	const person = fc.constantFrom("applicantId", "employerId");
	const place = { conversation: fc.nat(1), node: fc.nat(1) };
	const sending = fc.record({
		kind: fc.constant("send"),
		node: place.node,
		// Few clientIds, so that many come twice: in one batch, in two batches at once, one after another.
		batch: fc.array(fc.record({ conversation: place.conversation, person, client: fc.nat(7) }), { minLength: 1, maxLength: 8 }),
	});
	const reading = fc.record({ kind: fc.constant("read"), ...place, person, seq: fc.option(fc.nat(20)) });
	const acknowledging = fc.record({ kind: fc.constant("acknowledge"), ...place, person, seq: fc.integer({ min: 1, max: 20 }) });
	const step = fc.oneof(
		{ weight: 3, arbitrary: sending },
		{ weight: 2, arbitrary: reading },
		{ weight: 1, arbitrary: acknowledging },
	);
	/** Steps of one wave run at once. */
	const plan = fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 5 });

	test("seqs have no gaps, every clientId is one message, and counts are what counting gives", async () => {
		await fc.assert(
			fc.asyncProperty(plan, async (waves) => {
				const people = await openConversation(node.calls);
				const conversations = [people, await openConversation(node.calls, people)] as const;
				const clientIds = Array.from({ length: 8 }, () => randomUUID());
				const answered: { draft: Draft; sent: Sent }[] = [];

				for (const wave of waves) {
					await Promise.all(
						wave.map(async (step) => {
							const db = nodes[step.node as 0 | 1];
							if (step.kind === "send") {
								const drafts = step.batch.map(({ conversation, person, client }) => {
									const { conversationId, ...users } = conversations[conversation as 0 | 1];
									return draftOf(conversationId, users[person], clientIds[client], `${person} ${client}`);
								});
								const answers = await append(db, drafts);
								answered.push(...drafts.map((draft, i) => ({ draft, sent: expectSent(answers[i]) })));
								return;
							}
							const { conversationId, ...users } = conversations[step.conversation as 0 | 1];
							const userId = users[step.person];
							if (step.kind === "read") await markRead(db, conversationId, userId, step.seq);
							else await markDelivered(db, [{ conversationId, userId, seq: step.seq }]);
						}),
					);
				}

				for (const conversing of conversations) await expectConsistent(conversing, answered);
			}),
			{ numRuns: 30 },
		);
	});

	async function expectConsistent(conversing: Conversing, answered: { draft: Draft; sent: Sent }[]): Promise<void> {
		const { conversationId, applicantId, employerId } = conversing;
		const mine = answered.filter(({ draft }) => draft.conversationId === conversationId);
		const stored = await storedMessages(nodes[0], conversationId);

		expect(stored.map(({ seq }) => seq)).toEqual(stored.map((_, i) => i + 1));
		const keys = stored.map(({ senderId, clientId }) => `${senderId} ${clientId}`);
		expect(new Set(keys).size).toBe(keys.length);
		expect(new Set(keys)).toEqual(new Set(mine.map(({ draft }) => `${draft.senderId} ${draft.clientId}`)));
		for (const { draft, sent } of mine) {
			const { id, seq, content } = stored[sent.message.seq - 1] ?? {};
			expect(sent.message).toMatchObject({ id, seq, content, senderId: draft.senderId, clientId: draft.clientId });
			expect(sent.recipientId).toBe(draft.senderId === applicantId ? employerId : applicantId);
		}
		expect(mine.filter(({ sent }) => sent.created)).toHaveLength(stored.length);
		expect(stored.map(({ createdAt }) => createdAt)).toEqual(stored.map(({ createdAt }) => createdAt).sort());

		stored.forEach((message, i) => {
			const soFar = stored.slice(0, i + 1);
			expect(message.user1Sent).toBe(soFar.filter(({ senderId }) => senderId === applicantId).length);
			expect(message.user2Sent).toBe(soFar.filter(({ senderId }) => senderId === employerId).length);
		});
		const [head] = await nodes[0].query(headStatement, [conversationId]);
		const last = stored.at(-1);
		expect(head).toEqual({ last_seq: stored.length, user1_sent: last?.user1Sent ?? 0, user2_sent: last?.user2Sent ?? 0 });
		for (const userId of [applicantId, employerId]) {
			const { count } = await node.calls.call("conversations.unreadCount", { conversationId }, as(userId));
			expect(count).toBe(await countUnread(nodes[0], conversationId, userId));
		}
	}
});

test("a clientId that comes with other content is refused, in the same batch, in a later one and from the other node", async () => {
	const { conversationId, applicantId } = await openConversation(node.calls);
	const first = draftOf(conversationId, applicantId);
	const others: Draft[] = [
		{ ...first, content: "something else" },
		{ ...first, replyToSeq: 1 },
		{ ...first, metadata: { a: 1 } },
	];
	const [sent, again, ...refused] = await append(nodes[0], [first, { ...first }, ...others]);
	expect(expectSent(sent).created).toBe(true);
	expect(expectSent(again)).toEqual({ ...expectSent(sent), created: false });
	for (const db of nodes) refused.push(...(await append(db, others)));
	expect(refused).toHaveLength(9);
	for (const answer of refused) expect(answer).toMatchObject({ type: "CLIENT_ID_REUSED" });
	expect(await storedMessages(nodes[0], conversationId)).toHaveLength(1);
});

test("a clientId belongs to its sender and conversation: others may use the same", async () => {
	const people = await openConversation(node.calls);
	const second = await openConversation(node.calls, people);
	const { clientId } = draftOf(people.conversationId, people.applicantId);
	const drafts = [
		draftOf(people.conversationId, people.applicantId, clientId, "one"),
		draftOf(people.conversationId, people.employerId, clientId, "two"),
		draftOf(second.conversationId, people.applicantId, clientId, "three"),
	];
	const answers = (await append(nodes[0], drafts)).map(expectSent);
	expect(answers.map(({ created, message }) => [created, message.seq])).toEqual([
		[true, 1],
		[true, 2],
		[true, 1],
	]);
});

test("whatever metadata a message has, sending it again gives the stored message", async () => {
	const { conversationId, applicantId } = await openConversation(node.calls);
	const text = fc.string({ unit: "grapheme", maxLength: 20 }).filter((value) => !value.includes("\0") && value !== "__proto__");
	const value = fc.oneof(
		text,
		fc.double({ noNaN: true, noDefaultInfinity: true }),
		fc.integer(),
		fc.boolean(),
		fc.constant(null),
	);
	await fc.assert(
		fc.asyncProperty(fc.dictionary(text, value, { maxKeys: 6 }), async (metadata) => {
			const params = { conversationId, clientId: randomUUID(), content: "with metadata", metadata };
			const first = await node.calls.call("messages.send", params, as(applicantId));
			expect(await node.calls.call("messages.send", params, as(applicantId))).toEqual(first);
			expect(first.metadata).toEqual(JSON.parse(JSON.stringify(metadata)));
		}),
		{ numRuns: 40, examples: [[{ zero: -0 }], [{ a: 1e308, b: 5e-324, c: 0.1 + 0.2 }], [{ b: 1, a: 2, "": "" }]] },
	);
});

test("a name in metadata that would be lost on the way is refused", async () => {
	const { conversationId, applicantId } = await openConversation(node.calls);
	const metadata = JSON.parse('{"__proto__": 1, "kept": 2}');
	const sent = node.calls.call(
		"messages.send",
		{ conversationId, clientId: randomUUID(), content: "x", metadata },
		as(applicantId),
	);
	await expect(sent).rejects.toMatchObject({ type: "VALIDATION_FAILED", data: [{ path: "metadata" }] });
});

test("what one sender does wrong is refused alone; the rest of the batch is stored, without a gap", async () => {
	const { conversationId, applicantId, employerId } = await openConversation(node.calls);
	const archived = await openConversation(node.calls);
	await node.calls.call("conversations.archive", archived, as(archived.applicantId));
	const drafts = [
		draftOf(conversationId, applicantId),
		draftOf(conversationId, "somebody else"),
		draftOf(randomUUID(), applicantId),
		{ ...draftOf(conversationId, employerId), replyToSeq: 100 },
		draftOf(archived.conversationId, archived.employerId),
		draftOf(conversationId, employerId),
	];
	const answers = await append(nodes[0], drafts);
	expect(answers.map((answer) => ("message" in answer && "created" in answer ? answer.message.seq : answer.type))).toEqual([
		1,
		"NOT_FOUND",
		"NOT_FOUND",
		"VALIDATION_FAILED",
		"CONVERSATION_ARCHIVED",
		2,
	]);
	expect(answers[3]).toMatchObject({ data: [{ path: "replyToSeq" }] });
});

test("a reply names a message that is there", async () => {
	const { conversationId, applicantId, employerId } = await openConversation(node.calls);
	const reply = { ...draftOf(conversationId, employerId), replyToSeq: 1 };
	const [early] = await append(nodes[0], [reply]);
	expect(early).toMatchObject({ type: "VALIDATION_FAILED" });
	await append(nodes[0], [draftOf(conversationId, applicantId)]);
	const [sent] = await append(nodes[1], [reply]);
	expect(expectSent(sent).message).toMatchObject({ seq: 2, replyToSeq: 1 });
});

test("a message into an AUTO_ARCHIVED conversation reopens it and says so once", async () => {
	const { conversationId, applicantId } = await openConversation(node.calls);
	await query(
		node.databaseUrl,
		"update conversations set status = 'AUTO_ARCHIVED', archived_at = now(), archived_by = null where id = $1",
		[conversationId],
	);
	const [first] = await append(nodes[0], [draftOf(conversationId, applicantId)]);
	const [second] = await append(nodes[1], [draftOf(conversationId, applicantId)]);
	expect([expectSent(first).reopened, expectSent(second).reopened]).toEqual([true, false]);
	const conversation = await node.calls.call("conversations.get", { conversationId }, as(applicantId));
	expect(conversation).toMatchObject({ status: "ACTIVE", archivedAt: null, archivedBy: null, lastSeq: 2 });
});

test("what was stored stays stored: it is found again when its conversation is archived, and only it", async () => {
	const { conversationId, applicantId } = await openConversation(node.calls);
	const active = await openConversation(node.calls);
	const draft = draftOf(conversationId, applicantId);
	const [first] = await append(nodes[0], [draft]);
	await node.calls.call("conversations.archive", { conversationId }, as(applicantId));
	const [fresh, again, reused, other] = await append(nodes[1], [
		draftOf(conversationId, applicantId),
		{ ...draft },
		{ ...draft, content: "something else" },
		draftOf(active.conversationId, active.applicantId),
	]);
	expect(fresh).toMatchObject({ type: "CONVERSATION_ARCHIVED" });
	expect(expectSent(again)).toEqual({ ...expectSent(first), created: false });
	expect(reused).toMatchObject({ type: "CLIENT_ID_REUSED" });
	expect(expectSent(other)).toMatchObject({ created: true, message: { seq: 1 } });
});

test("a message that waits for an archiving is refused by it, and does not undo it", async () => {
	const { conversationId, applicantId, employerId } = await openConversation(node.calls);
	const archiving = "update conversations set status = 'ARCHIVED', archived_at = now(), archived_by = $2 where id = $1";
	let answers: Promise<(Sent | Error)[]> = Promise.resolve([]);
	await holding(node.databaseUrl, archiving, [conversationId, employerId], async (waiting) => {
		answers = append(nodes[0], [draftOf(conversationId, applicantId)]);
		await until(async () => (await waiting()) === 1);
	});
	expect(await answers).toMatchObject([{ type: "CONVERSATION_ARCHIVED" }]);
	const conversation = await node.calls.call("conversations.get", { conversationId }, as(applicantId));
	expect(conversation).toMatchObject({ status: "ARCHIVED", archivedBy: employerId, lastSeq: 0 });
});

test("created_at never goes back, not even when the database's clock does", async () => {
	const { conversationId, applicantId } = await openConversation(node.calls);
	const [first] = await append(nodes[0], [draftOf(conversationId, applicantId)]);
	const future = "2100-01-01T00:00:00.000Z";
	await query(node.databaseUrl, "update conversations set last_message_at = $2 where id = $1", [conversationId, future]);
	const [second] = await append(nodes[1], [draftOf(conversationId, applicantId)]);
	expect(Date.parse(expectSent(first).message.createdAt)).toBeLessThan(Date.now() + 60_000);
	expect(expectSent(second).message.createdAt).toBe(future);
});

test("a hundred copies of one message, on two nodes at once, are one", async () => {
	const { conversationId, applicantId } = await openConversation(node.calls);
	const draft = draftOf(conversationId, applicantId);
	const copies = () => Array.from({ length: 5 }, () => ({ ...draft }));
	const batches = await Promise.all(Array.from({ length: 20 }, (_, i) => append(nodes[(i % 2) as 0 | 1], copies())));
	const answers = batches.flat().map(expectSent);
	expect(answers.filter(({ created }) => created)).toHaveLength(1);
	expect(new Set(answers.map(({ message }) => message.id)).size).toBe(1);
	expect(await storedMessages(nodes[0], conversationId)).toHaveLength(1);
});

test("however many write into one conversation at once, on two nodes, nobody loses against the others", async () => {
	const { conversationId, applicantId, employerId } = await openConversation(node.calls);
	const writers = Array.from({ length: 40 }, (_, i) =>
		append(nodes[(i % 2) as 0 | 1], [draftOf(conversationId, i % 3 ? applicantId : employerId)]),
	);
	const seqs = (await Promise.all(writers)).flat().map((answer) => expectSent(answer).message.seq);
	expect(seqs.sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
});

function open(): Database {
	return new Database(node.databaseUrl, () => {});
}

function draftOf(conversationId: string, senderId: string, clientId: string = randomUUID(), content = "a text"): Draft {
	return {
		conversationId,
		senderId,
		clientId,
		type: "TEXT",
		content,
		imageId: null,
		image: null,
		replyToSeq: null,
		metadata: {},
	};
}

function expectSent(answer: Sent | Error | undefined): Sent {
	if (answer === undefined || answer instanceof Error) throw answer ?? new Error("There is no answer.");
	return answer;
}

const headStatement = statement("test.head", "select last_seq, user1_sent, user2_sent from conversations where id = $1");
