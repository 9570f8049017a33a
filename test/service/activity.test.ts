import type { Socket } from "socket.io-client";
import { lastActivity } from "../../services/activity.ts";
import { until } from "../../testing/until.ts";
import { tokenOf } from "../support/broker.ts";
import { connect, disconnect, gatewayOf } from "../support/gateway.ts";
import { openConversation, registerUser } from "../support/platform.ts";
import { useNodes } from "../support/use-node.ts";

jest.setTimeout(20_000);

const [first, second] = useNodes(
	{ services: ["conversations", "directory", "gateway", "messages", "presence"] },
	{ services: ["gateway"] },
);

const acts: [event: string, payload: (conversationId: string) => unknown][] = [
	["send_message", (conversationId) => ({ conversationId, clientId: "c5b0b0c1-6d1f-4c1b-8f5e-9f3a2d1e0b7a", content: "hello" })],
	["mark_read", (conversationId) => ({ conversationId })],
	["typing_start", (conversationId) => ({ conversationId })],
	["typing_stop", (conversationId) => ({ conversationId })],
	["join_conversation", (conversationId) => ({ conversationId })],
	["leave_conversation", (conversationId) => ({ conversationId })],
	["set_presence", () => ({ status: "online" })],
];

test.each(acts)("%s is an activity of the person", async (event, payload) => {
	const { conversationId, applicantId } = await openConversation(first.calls);
	const phone = await connect(first, await tokenOf(applicantId));
	const before = Date.now();
	expect(await phone.emitWithAck(event, payload(conversationId))).toMatchObject({ ok: true });
	const atMs = (await lastActivity(first.broker, [applicantId])).get(applicantId) ?? 0;
	expect(atMs).toBeGreaterThanOrEqual(before);
	expect(atMs).toBeLessThanOrEqual(Date.now());
	await disconnect(first, phone);
});

test("a query by `call` is an activity; connecting, catching up, renewing the token and going away are none", async () => {
	const userId = await registerUser(first.calls);
	const token = await tokenOf(userId);
	const phone = await connect(first, token);
	expect(await phone.emitWithAck("sync", {})).toMatchObject({ ok: true });
	expect(await phone.emitWithAck("authenticate", { token })).toMatchObject({ ok: true });
	expect(await phone.emitWithAck("set_presence", { status: "away" })).toMatchObject({ ok: true });
	expect(await phone.emitWithAck("set_presence", { status: "asleep" })).toMatchObject({ ok: false });
	expect(await lastActivity(first.broker, [userId])).toEqual(new Map());
	await callOf(phone, "conversations.list");
	expect([...(await lastActivity(first.broker, [userId])).keys()]).toEqual([userId]);
	await disconnect(first, phone);
});

test("of devices on several gateways the last activity counts, and who is not connected is left out", async () => {
	const [userId, idleId] = [await registerUser(first.calls), await registerUser(first.calls)];
	const phone = await connect(first, await tokenOf(userId));
	const laptop = await connect(second, await tokenOf(userId));
	const active = () => lastActivity(first.broker, [userId, idleId]);
	await phone.emitWithAck("set_presence", { status: "online" });
	const earlierMs = (await active()).get(userId) ?? 0;
	await until(() => Date.now() > earlierMs);
	await laptop.emitWithAck("set_presence", { status: "online" });
	expect((await active()).get(userId)).toBeGreaterThan(earlierMs);
	await disconnect(second, laptop);
	await until(async () => (await active()).get(userId) === earlierMs);
	expect([...(await active()).keys()]).toEqual([userId]);
	await disconnect(first, phone);
	await until(async () => (await active()).size === 0);
	expect(gatewayOf(first).sockets.userIds()).toEqual([]);
});

function callOf(socket: Socket, action: string): Promise<void> {
	return new Promise((resolve, reject) => {
		socket.emit("call", action, {}, (error: unknown) => (error ? reject(error) : resolve()));
	});
}
