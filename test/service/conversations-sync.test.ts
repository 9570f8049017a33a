import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { encodeCursor } from "../../lib/cursor.ts";
import type { Result } from "../../services/contracts.ts";
import type { Conversation } from "../../services/conversations/conversations.contract.ts";
import type { Message } from "../../services/messages/messages.contract.ts";
import { until } from "../../testing/until.ts";
import { as, asPlatform } from "../support/broker.ts";
import { holding, query } from "../support/database.ts";
import { openConversation, registerUser, send } from "../support/platform.ts";
import { useNode } from "../support/use-node.ts";

jest.setTimeout(60_000);

type Sync = Result<"conversations.sync">;

const node = useNode({ services: ["conversations", "directory", "messages"] });

/** A client that keeps what it was told. Times of receipts it knows from their events, which are not of this test. */
class Client {
	readonly userId: string;
	#since: string | undefined;
	#conversations = new Map<string, Conversation>();
	#messages = new Map<string, Omit<Message, "deliveredAt" | "readAt">>();

	constructor(userId: string) {
		this.userId = userId;
	}

	async sync(): Promise<void> {
		const { conversations, nextSince, reset } = await sync(this.userId, this.#since);
		expect(reset).toBe(false);
		for (const { messages, hasMore, ...conversation } of conversations) {
			expect(hasMore).toBe(false);
			this.#conversations.set(conversation.id, conversation);
			for (const { deliveredAt: _delivered, readAt: _read, ...message } of messages) this.#messages.set(message.id, message);
		}
		this.#since = nextSince;
	}

	get state() {
		const byPosition = (a: { conversationId: string; seq: number }, b: { conversationId: string; seq: number }) =>
			a.conversationId === b.conversationId ? a.seq - b.seq : a.conversationId < b.conversationId ? -1 : 1;
		return {
			conversations: [...this.#conversations.values()].sort((a, b) => (a.id < b.id ? -1 : 1)),
			messages: [...this.#messages.values()].sort(byPosition),
		};
	}
}

test("a client that syncs now and then, while all goes on, knows in the end what one that starts afresh knows", async () => {
	const place = { conversation: fc.nat(2), person: fc.constantFrom("applicantId", "employerId") };
	const step = fc.oneof(
		{ weight: 4, arbitrary: fc.record({ kind: fc.constant("send"), ...place }) },
		{
			weight: 3,
			arbitrary: fc.record({ kind: fc.constantFrom("read", "acknowledge"), ...place, seq: fc.integer({ min: 1, max: 8 }) }),
		},
		{ weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("archive", "reopen", "mute", "open"), ...place }) },
		{ weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("rename", "retitle"), ...place, n: fc.nat(99) }) },
		{ weight: 1, arbitrary: fc.record({ kind: fc.constant("lose image"), ...place, seq: fc.integer({ min: 1, max: 8 }) }) },
		{ weight: 3, arbitrary: fc.record({ kind: fc.constant("sync"), person: place.person }) },
	);
	await fc.assert(
		// Steps of one wave run at once.
		fc.asyncProperty(fc.array(fc.array(step, { minLength: 1, maxLength: 5 }), { maxLength: 8 }), async (waves) => {
			const { calls } = node;
			const first = await openConversation(calls);
			const ids = [first.conversationId];
			const clients = { applicantId: new Client(first.applicantId), employerId: new Client(first.employerId) };
			for (const wave of waves) {
				await Promise.all(
					wave.map(async (step) => {
						if (step.kind === "sync") return clients[step.person].sync();
						const { conversation, person } = step as { conversation: number; person: typeof step.person };
						const conversationId = ids[conversation % ids.length] ?? first.conversationId;
						const me = as(first[person]);
						const { seq = 1, n = 0 } = step as { seq?: number; n?: number };
						switch (step.kind) {
							case "send":
								return send(calls, conversationId, first[person]).catch(expectArchived);
							case "read":
								return calls.call("messages.markRead", { conversationId, seq }, me);
							case "acknowledge":
								return calls.call("messages.markDelivered", { acks: [{ conversationId, userId: first[person], seq }] });
							case "archive":
							case "reopen":
								return calls.call(`conversations.${step.kind}`, { conversationId }, me);
							case "mute":
								return calls.call("conversations.mute", { conversationId, until: "2030-01-01T00:00:00Z" }, me);
							case "open":
								return ids.push((await openConversation(calls, first)).conversationId);
							case "rename":
								return calls.call("users.put", { id: first[person], name: `Name ${n}` }, asPlatform);
							case "retitle": {
								const { jobApplicationId: id, applicantId, employerId } = first;
								const application = { id, applicantId, employerId, jobTitle: `Title ${n}`, status: "OPEN" };
								return calls.call("applications.put", application, asPlatform);
							}
							case "lose image":
								return calls.call("messages.dropImage", { conversationId, imageId: await giveImage(conversationId, seq) });
						}
					}),
				);
			}
			for (const client of Object.values(clients)) {
				const fresh = new Client(client.userId);
				// A new name is told some milliseconds after it was stored.
				await until(async () => {
					await client.sync();
					await fresh.sync();
					expect(client.state).toEqual(fresh.state);
					return true;
				});
			}
		}),
		{ numRuns: 30 },
	);
});

test("without a cursor a client gets its 50 most recent conversations, newest message first, and no other's", async () => {
	const viewerId = await registerUser(node.calls);
	for (let i = 0; i < 52; i++) await openConversation(node.calls, { applicantId: viewerId });
	await openConversation(node.calls);
	const { conversations, reset } = await sync(viewerId);
	const listed = await node.calls.call("conversations.list", { status: "ALL", limit: 50 }, as(viewerId));
	expect(conversations).toEqual(listed.items.map((conversation) => ({ ...conversation, messages: [], hasMore: false })));
	expect(reset).toBe(false);
});

test("nothing new is an empty answer, and its cursor goes on from there", async () => {
	const { conversationId, applicantId, employerId } = await openConversation(node.calls);
	const second = await sync(employerId, await cursorOf(employerId));
	expect(second).toMatchObject({ conversations: [], reset: false });
	const message = await send(node.calls, conversationId, applicantId);
	const third = await sync(employerId, second.nextSince);
	expect(third.conversations).toMatchObject([
		{ id: conversationId, lastSeq: 1, unreadCount: 1, messages: [message], hasMore: false },
	]);
});

test("what was begun before a cursor was given out and committed after it is told the next time", async () => {
	const slow = await openConversation(node.calls);
	const { applicantId } = slow;
	const fast = await openConversation(node.calls, { applicantId });
	let since = await cursorOf(applicantId);
	const change = "update conversations set changed_xid = pg_current_xact_id() where id = $1";
	await holding(node.databaseUrl, change, [slow.conversationId], async () => {
		await send(node.calls, fast.conversationId, fast.employerId);
		const answer = await sync(applicantId, since);
		expect(answer.conversations.map(({ id }) => id)).toEqual([fast.conversationId]);
		since = answer.nextSince;
	});
	const { conversations } = await sync(applicantId, since);
	expect(conversations.map(({ id }) => id)).toContain(slow.conversationId);
});

test.each([
	[50, 50, false],
	[51, 50, true],
])(
	"of %i new messages the newest %i are told, oldest first, and whether there are more is said: %s",
	async (sent, told, hasMore) => {
		const { conversationId, applicantId, employerId } = await openConversation(node.calls);
		await send(node.calls, conversationId, applicantId);
		const { nextSince } = await sync(employerId);
		await Promise.all(Array.from({ length: sent }, () => send(node.calls, conversationId, applicantId)));
		const { conversations } = await sync(employerId, nextSince);
		expect(conversations).toHaveLength(1);
		expect(conversations[0]?.messages.map(({ seq }) => seq)).toEqual(Array.from({ length: told }, (_, i) => sent + 2 - told + i));
		expect(conversations[0]?.hasMore).toBe(hasMore);
	},
);

test("a message that changed comes again, however old it is", async () => {
	const { conversationId, applicantId, employerId } = await openConversation(node.calls);
	for (let i = 0; i < 60; i++) await send(node.calls, conversationId, applicantId);
	const since = await cursorOf(employerId);
	await query(
		node.databaseUrl,
		"update messages set content = 'changed', changed_xid = pg_current_xact_id() where conversation_id = $1 and seq in (2, 60)",
		[conversationId],
	);
	await query(node.databaseUrl, "update conversations set changed_xid = pg_current_xact_id() where id = $1", [conversationId]);
	const { conversations } = await sync(employerId, since);
	expect(conversations[0]?.messages.map(({ seq, content }) => [seq, content])).toEqual([
		[2, "changed"],
		[60, "changed"],
	]);
	expect(conversations[0]?.hasMore).toBe(false);
});

test("a cursor of another database, or of a future that a restored backup does not know, means to start afresh", async () => {
	const { conversationId, employerId } = await openConversation(node.calls);
	const { nextSince } = await sync(employerId);
	const [identity, xid] = JSON.parse(Buffer.from(nextSince, "base64url").toString());
	for (const lost of [
		["another database", xid],
		[identity, String(BigInt(xid) + 1_000_000n)],
	]) {
		const answer = await sync(employerId, encodeCursor(lost));
		expect(answer).toMatchObject({ conversations: [{ id: conversationId }], reset: true });
		expect((await sync(employerId, answer.nextSince)).reset).toBe(false);
	}
});

test("with more than 200 changed conversations a client starts afresh, with 50", async () => {
	const viewerId = await registerUser(node.calls);
	const { nextSince } = await sync(viewerId);
	await query(
		node.databaseUrl,
		`with opened as (
			insert into conversations (id, user1_id, user2_id, job_application_id)
			select gen_random_uuid(), $1, 'somebody', n::text from generate_series(1, 201) n returning id
		)
		insert into participants (conversation_id, user_id) select id, person from opened, unnest(array[$1, 'somebody']) person`,
		[viewerId],
	);
	const answer = await sync(viewerId, nextSince);
	expect(answer.reset).toBe(true);
	expect(answer.conversations).toHaveLength(50);
});

test.each(["nonsense", encodeCursor(["x"]), encodeCursor(["x", "1; drop table users"]), encodeCursor([1, "1"]), "A".repeat(201)])(
	"the cursor %s is refused",
	async (since) => {
		const userId = await registerUser(node.calls);
		await expect(sync(userId, since)).rejects.toMatchObject({ type: "VALIDATION_FAILED" });
	},
);

function sync(userId: string, since?: string): Promise<Sync> {
	return node.calls.call("conversations.sync", { ...(since !== undefined && { since }) }, as(userId));
}

/** A cursor above all that was told. Transactions of other tests, in whatever database, may hold it back for a while. */
function cursorOf(userId: string): Promise<string> {
	return until(async () => {
		const { nextSince } = await sync(userId);
		return (await sync(userId, nextSince)).conversations.length === 0 ? nextSince : null;
	});
}

/** A message has an image from now on: of one that is not there, nothing comes of it. */
async function giveImage(conversationId: string, seq: number): Promise<string> {
	const imageId = randomUUID();
	await query(
		node.databaseUrl,
		"update messages set type = 'IMAGE', image_id = $3, image = '{}', changed_xid = pg_current_xact_id() where conversation_id = $1 and seq = $2",
		[conversationId, seq, imageId],
	);
	return imageId;
}

function expectArchived(error: { type: string }): void {
	expect(error.type).toBe("CONVERSATION_ARCHIVED");
}
