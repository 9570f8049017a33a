import { randomUUID } from "node:crypto";
import pg from "pg";
import { publicError } from "../../lib/errors.ts";
import { lockTimeoutMs } from "../../lib/timeouts.ts";
import { Database } from "../../mixins/database.ts";
import type { Draft, Sent } from "../../services/messages/append.ts";
import { Mailbox } from "../../services/messages/mailbox.ts";
import { textMessages } from "../../testing/text-messages.ts";
import { eventually, until } from "../../testing/until.ts";
import { as, startBroker } from "../support/broker.ts";
import { holding, query } from "../support/database.ts";
import { openConversation, send } from "../support/platform.ts";
import { storedMessages } from "../support/stored.ts";
import { committed, TcpProxy } from "../support/tcp-proxy.ts";
import { useNodes } from "../support/use-node.ts";
import { type HeardPush, recordingGateway } from "../support/watchers.ts";

jest.setTimeout(60_000);

const pushes: HeardPush[] = [];
const services = ["conversations", "directory", "messages", "presence"] as const;
let db: Database;

// Above the nodes, so that this is closed before they stop.
afterAll(() => db.close());

const [caller, server] = useNodes({ services: [], others: [recordingGateway(pushes)] }, { services });

beforeAll(async () => {
	db = new Database(server.databaseUrl, () => {});
});

test("a new message goes to both, with the recipient's new count; the same one again to nobody who has it", async () => {
	const { conversationId, applicantId, employerId } = await openConversation(caller.calls);
	const params = { conversationId, clientId: randomUUID(), content: "hello" };
	const message = await caller.calls.call("messages.send", params, as(applicantId));
	await caller.calls.call("messages.markDelivered", { acks: [{ conversationId, userId: employerId, seq: 1 }] });
	const { deliveredAt, ...again } = await caller.calls.call("messages.send", params, as(applicantId));
	expect({ ...again, deliveredAt: null }).toEqual(message);
	const second = await send(caller.calls, conversationId, applicantId);

	const heard = () => pushes.filter(({ payload }) => isMessageOf(payload, conversationId));
	await until(() => heard().length >= 4);
	expect(heard()).toEqual(
		[message, second].flatMap((sent) => [
			{ userId: applicantId, event: "message_sent", payload: { message: sent } },
			{ userId: employerId, event: "message_received", payload: { message: sent } },
		]),
	);
	const count = {
		userId: employerId,
		event: "unread_count",
		payload: { conversationId, count: 2, lastSeq: 2, total: 2, totalLastSeq: 2 },
	};
	await eventually(() => {
		expect(pushes).toContainEqual(count);
	});
});

test("both are shown a conversation that a message has reopened", async () => {
	const { conversationId, applicantId, employerId } = await openConversation(caller.calls);
	await query(server.databaseUrl, "update conversations set status = 'AUTO_ARCHIVED' where id = $1", [conversationId]);
	const message = await send(caller.calls, conversationId, applicantId);
	const conversation = expect.objectContaining({ id: conversationId, status: "ACTIVE", lastMessage: message });
	for (const userId of [applicantId, employerId]) {
		const shown = { userId, event: "conversation_updated", payload: { conversation } };
		await eventually(() => {
			expect(pushes).toContainEqual(shown);
		});
	}
});

test("a value that PostgreSQL refuses fails alone, wherever in the batch it is", async () => {
	const { conversationId, applicantId } = await openConversation(caller.calls);
	const mailbox = new Mailbox(server.broker, db, textMessages);
	const bad = { ...draftOf(conversationId, applicantId), content: "no text has a \0 in it" };
	const drafts = [
		draftOf(conversationId, applicantId),
		bad,
		draftOf(conversationId, applicantId),
		{ ...bad, clientId: randomUUID() },
	];
	const answers = await Promise.allSettled(drafts.map((draft) => mailbox.add(draft)));
	expect(answers).toMatchObject([
		{ status: "fulfilled", value: { created: true, message: { seq: 1 } } },
		{ status: "rejected", reason: { type: "INTERNAL" } },
		{ status: "fulfilled", value: { created: true, message: { seq: 2 } } },
		{ status: "rejected", reason: { type: "INTERNAL" } },
	]);
	await expect(mailbox.add(bad)).rejects.toMatchObject({ code: "22021" });
});

test("who comes to a full mailbox is sent away at once; who is in it is answered", async () => {
	const { conversationId } = await openConversation(caller.calls);
	const mailbox = new Mailbox(server.broker, db, textMessages);
	// Strangers' sends are refused by the same statement that would store them, and cost little.
	const add = () => mailbox.add(draftOf(conversationId, "a stranger")).then(null, (error: { type: string }) => error.type);
	const holder = new pg.Client({ connectionString: server.databaseUrl });
	await holder.connect();
	try {
		// A lock on the table, since a held conversation holds up nobody else.
		await holder.query("begin");
		await holder.query("lock table messages in access exclusive mode");
		const held = add();
		await until(() => mailbox.depth === 0);
		const waiting = Array.from({ length: 20_000 }, add);
		expect(mailbox.depth).toBe(20_000);
		expect(await add()).toBe("UNAVAILABLE");
		expect(mailbox.depth).toBe(20_000);
		await holder.query("commit");
		expect(new Set(await Promise.all([held, ...waiting]))).toEqual(new Set(["NOT_FOUND"]));
		expect(mailbox.depth).toBe(0);
	} finally {
		await holder.end();
	}
});

test("a held conversation makes only its own sends wait, answers them in time, and keeps their order", async () => {
	const [{ conversationId: held, applicantId }, other] = [
		await openConversation(caller.calls),
		await openConversation(caller.calls),
	];
	const mailbox = new Mailbox(server.broker, db, textMessages);
	await holding(server.databaseUrl, "select from conversations where id = $1 for update", [held], async (waiting) => {
		const beginMs = performance.now();
		const refused = mailbox.add(draftOf(held, applicantId));
		for (let i = 0; i < 20; i++) await mailbox.add(draftOf(other.conversationId, other.applicantId));
		expect(performance.now() - beginMs).toBeLessThan(lockTimeoutMs);
		await expect(refused).rejects.toMatchObject({ type: "UNAVAILABLE" });
		expect(await waiting()).toBe(0);
	});
	let sends: Promise<Sent>[] = [];
	await holding(server.databaseUrl, "select from conversations where id = $1 for update", [held], async (waiting) => {
		sends = [mailbox.add(draftOf(held, applicantId))];
		await until(async () => (await waiting()) === 1);
		sends.push(...Array.from({ length: 3 }, () => mailbox.add(draftOf(held, applicantId))));
	});
	expect((await Promise.all(sends)).map(({ message }) => message.seq)).toEqual([1, 2, 3, 4]);
});

test("a message whose answer was lost after the commit is answered as stored, and everybody hears of it", async () => {
	const { conversationId, applicantId, employerId } = await openConversation(caller.calls);
	const proxy = await TcpProxy.before(server.databaseUrl, 5432);
	const cut = new Database(proxy.url, () => {});
	try {
		const mailbox = new Mailbox(server.broker, cut, textMessages);
		await mailbox.add(draftOf(conversationId, applicantId));
		proxy.swallow(committed("messages.append"), 1);
		const draft = draftOf(conversationId, applicantId);
		const { message, created } = await mailbox.add(draft);
		expect(proxy.swallowed).toBe(1);
		expect({ seq: message.seq, created }).toEqual({ seq: 2, created: false });
		for (const [userId, event] of [
			[applicantId, "message_sent"],
			[employerId, "message_received"],
		] as const) {
			await eventually(() => {
				expect(pushes).toContainEqual({ userId, event, payload: { message } });
			});
		}
	} finally {
		await cut.close();
		await proxy.close();
	}
});

test("a node that stops finishes first what was sent to it", async () => {
	const { conversationId, applicantId } = await openConversation(caller.calls);
	const leaving = await startBroker({ databaseUrl: server.databaseUrl, services });
	const sending = Promise.all(Array.from({ length: 300 }, () => send(leaving.calls, conversationId, applicantId)));
	const [sent] = await Promise.all([sending, leaving.stop()]);
	expect(await storedMessages(db, conversationId)).toHaveLength(300);
	expect(new Set(sent.map(({ seq }) => seq)).size).toBe(300);
});

test("when all connections to PostgreSQL are cut under load, what was acknowledged is there once, and sending goes on", async () => {
	const conversations = [await openConversation(caller.calls), await openConversation(caller.calls)];
	const acknowledged: { conversationId: string; clientId: string; seq: number }[] = [];
	const failures: string[] = [];
	let cuts = 0;

	/** As a client would: the same clientId until it is acknowledged. */
	const sendSurely = async (conversationId: string, senderId: string): Promise<void> => {
		const params = { conversationId, clientId: randomUUID(), content: "must arrive" };
		await until(async () => {
			try {
				const { seq, clientId } = await caller.calls.call("messages.send", params, as(senderId));
				return acknowledged.push({ conversationId, clientId, seq });
			} catch (error) {
				failures.push(publicError(error).code);
				return false;
			}
		});
	};
	const writers = conversations.flatMap(({ conversationId, applicantId, employerId }) =>
		[applicantId, employerId, applicantId, employerId].map(async (senderId) => {
			// Goes on until there were enough cuts under its load.
			for (let i = 0; i < 20 || cuts < 5; i++) await sendSurely(conversationId, senderId);
		}),
	);
	while (cuts < 5) {
		const before = acknowledged.length;
		await until(() => acknowledged.length > before + 20);
		await cutConnections(server.databaseUrl);
		cuts++;
	}
	await Promise.all(writers);

	expect(failures.filter((code) => code !== "UNAVAILABLE")).toEqual([]);
	for (const { conversationId } of conversations) {
		const stored = await storedMessages(db, conversationId);
		expect(stored.map(({ seq }) => seq)).toEqual(stored.map((_, i) => i + 1));
		const mine = acknowledged.filter((ack) => ack.conversationId === conversationId);
		expect(new Map(mine.map(({ clientId, seq }) => [clientId, seq]))).toEqual(
			new Map(stored.map(({ clientId, seq }) => [clientId, seq])),
		);
		expect(stored).toHaveLength(mine.length);
	}
});

async function cutConnections(url: string): Promise<void> {
	await query(
		url,
		`select pg_terminate_backend(pid) from pg_stat_activity
		where datname = current_database() and application_name = 'parley' and pid <> pg_backend_pid()`,
	);
}

function draftOf(conversationId: string, senderId: string): Draft {
	return {
		conversationId,
		senderId,
		clientId: randomUUID(),
		type: "TEXT",
		content: "a text",
		imageId: null,
		image: null,
		replyToSeq: null,
		metadata: {},
	};
}

function isMessageOf(payload: unknown, conversationId: string): boolean {
	return (payload as { message?: { conversationId: string } }).message?.conversationId === conversationId;
}
