import type { Socket } from "socket.io-client";
import { inParallel } from "../../testing/in-parallel.ts";
import { until } from "../../testing/until.ts";
import { tokenOf } from "../support/broker.ts";
import { query } from "../support/database.ts";
import { connect, disconnect } from "../support/gateway.ts";
import { openConversation, registerUser, send } from "../support/platform.ts";
import { useNode } from "../support/use-node.ts";

jest.setTimeout(90_000);

const node = useNode();

/** What one device is given: `conversationId seq`, in the order in which it came. */
interface Device {
	client: Socket;
	received: string[];
	disconnects: number;
}

async function device(userId: string, { acknowledges }: { acknowledges: boolean }): Promise<Device> {
	const client = await connect(node, await tokenOf(userId));
	const it: Device = { client, received: [], disconnects: 0 };
	client.on("message_received", ({ message }: { message: { conversationId: string; seq: number } }, acknowledge: () => void) => {
		it.received.push(`${message.conversationId} ${message.seq}`);
		if (acknowledges) acknowledge();
	});
	client.on("disconnect", () => it.disconnects++);
	return it;
}

/** Conversations of one person with as many others, each of whom has written so many messages; all of them a minute ago. */
async function backlog(userId: string, conversations: number, messages: number, content: string): Promise<string[]> {
	const ids = await inParallel(8, Array.from({ length: conversations }), async () => {
		const { conversationId, employerId } = await openConversation(node.calls, { applicantId: userId });
		await Promise.all(Array.from({ length: messages }, () => send(node.calls, conversationId, employerId, content)));
		return conversationId;
	});
	await query(
		node.databaseUrl,
		"update messages set created_at = created_at - interval '1 minute' where conversation_id = any ($1)",
		[ids],
	);
	await query(
		node.databaseUrl,
		"update conversations set last_message_at = last_message_at - interval '1 minute' where id = any ($1)",
		[ids],
	);
	return ids;
}

test("a person who comes back to 1,000 unread messages gets each in order, over one connection", async () => {
	const userId = await registerUser(node.calls);
	const ids = await backlog(userId, 100, 10, "x".repeat(600));
	const it = await device(userId, { acknowledges: true });

	await until(() => new Set(it.received).size === 1_000, { timeoutMs: 30_000 });

	expect(it.disconnects).toBe(0);
	for (const id of ids) {
		const seqs = [...new Set(it.received.filter((one) => one.startsWith(id)))].map((one) => Number(one.split(" ")[1]));
		expect(seqs).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
	}
	await disconnect(node, it.client);
});

test("a device that never acknowledges does not take the turn of another person's lost message", async () => {
	const silentId = await registerUser(node.calls);
	await backlog(silentId, 30, 40, "silence");
	const silent = await device(silentId, { acknowledges: false });
	const otherId = await registerUser(node.calls);
	// Its id sorts behind all others, whatever else there is.
	const { conversationId, employerId } = await openConversation(node.calls, { applicantId: otherId });
	const last = "ffffffff-ffff-4fff-bfff-ffffffffffff";
	await query(node.databaseUrl, "alter table participants drop constraint participants_conversation_id_fkey");
	await query(node.databaseUrl, "update participants set conversation_id = $2 where conversation_id = $1", [
		conversationId,
		last,
	]);
	await query(node.databaseUrl, "update conversations set id = $2 where id = $1", [conversationId, last]);
	const other = await device(otherId, { acknowledges: true });
	const deliveredSeq = async () => {
		const [row] = await query<{ seq: number }>(
			node.databaseUrl,
			"select delivered_seq::int as seq from participants where conversation_id = $1 and user_id = $2",
			[last, otherId],
		);
		return row?.seq;
	};
	await send(node.calls, last, employerId);
	await until(async () => (await deliveredSeq()) === 1);
	// As if the push had been lost.
	await query(node.databaseUrl, "delete from receipts where conversation_id = $1", [last]);
	await query(node.databaseUrl, "update participants set delivered_seq = 0 where conversation_id = $1", [last]);
	await until(async () => (await deliveredSeq()) === 1, { timeoutMs: 20_000 });
	await disconnect(node, silent.client, other.client);
});

test("a device that never acknowledges is given each message four times in all, also those that came later", async () => {
	const { conversationId, applicantId, employerId } = await openConversation(node.calls);
	const silent = await device(applicantId, { acknowledges: false });
	const clock = await openConversation(node.calls);
	await send(node.calls, conversationId, employerId, "first");
	const times = (seq: number) => silent.received.filter((one) => one === `${conversationId} ${seq}`).length;
	await until(() => times(1) === 2, { timeoutMs: 15_000 });
	await send(node.calls, conversationId, employerId, "second");
	await until(() => times(1) === 4, { timeoutMs: 30_000 });
	// Another silent device shows that there was time for more.
	const witness = await device(clock.applicantId, { acknowledges: false });
	await send(node.calls, clock.conversationId, clock.employerId);
	await until(() => witness.received.length === 4, { timeoutMs: 30_000 });
	expect([times(1), times(2)]).toEqual([4, expect.any(Number)]);
	expect(times(2)).toBeLessThanOrEqual(4);
	await disconnect(node, silent.client, witness.client);
});
