import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { io, type Socket } from "socket.io-client";
import { eventually, until } from "../../testing/until.ts";
import { as, asPlatform, startBroker, type TestNode, tokenOf } from "../support/broker.ts";
import { createMigratedDatabase } from "../support/database.ts";
import { type FcmServer, startFcmServer } from "../support/fcm-server.ts";
import { gatewayOf, urlOf } from "../support/gateway.ts";
import { type MailServer, startMailServer } from "../support/mail-server.ts";
import { openConversation, send } from "../support/platform.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { useStarted } from "../support/use-started.ts";

jest.setTimeout(60_000);

const delayMs = 1_000;
const silentSocketMs = 10_000;

/** A node that really sends, and the servers to which it does. */
interface Sending {
	node: TestNode;
	fcm: FcmServer;
	mail: MailServer;
	stop(): Promise<void>;
}

async function startSending(idleSeconds: number): Promise<Sending> {
	const [database, fcm, mail] = await Promise.all([createMigratedDatabase(), startFcmServer(), startMailServer()]);
	const folder = mkdtempSync(join(tmpdir(), "parley-test-"));
	const credentials = join(folder, "fcm.json");
	writeFileSync(credentials, JSON.stringify(fcm.credentials));
	const node = await startBroker({
		databaseUrl: database.url,
		env: {
			NOTIFY_DELAY_SECONDS: String(delayMs / 1_000),
			NOTIFY_IDLE_DELAY_SECONDS: String(idleSeconds),
			FCM_CREDENTIALS_FILE: credentials,
			FCM_ENDPOINT: fcm.endpoint,
			SMTP_URL: `smtp://127.0.0.1:${mail.port}`,
			MAIL_FROM: "Parley <no-reply@example.org>",
		},
	});
	const stop = async () => {
		await node.stop();
		await Promise.all([fcm.stop(), mail.close(), database.drop()]);
		rmSync(folder, { recursive: true });
	};
	return { node, fcm, mail, stop };
}

/** Alice writes to Bob, who has a telephone. */
interface Told {
	conversationId: string;
	aliceId: string;
	bobId: string;
	email: string;
	token: string;
}

async function meet({ node }: Sending, { hasTelephone = true } = {}): Promise<Told> {
	const { conversationId, applicantId: aliceId, employerId: bobId } = await openConversation(node.calls);
	const email = `${bobId}@example.org`;
	await node.calls.call("users.put", { id: bobId, name: "Bob", email }, asPlatform);
	const token = `telephone-${randomUUID()}`;
	if (hasTelephone) await node.calls.call("notifier.addDevice", { kind: "fcm", token }, as(bobId));
	return { conversationId, aliceId, bobId, email, token };
}

/** Connected as a web app is: it acknowledges what it gets, and does nothing by itself. */
async function openDesktop(url: string, userId: string): Promise<Socket> {
	const options = { transports: ["websocket"], forceNew: true, reconnection: false };
	const socket = io(`${url}/messaging`, { ...options, auth: { token: await tokenOf(userId) } });
	socket.on("message_received", (_, acknowledge) => acknowledge());
	await until(() => socket.connected);
	return socket;
}

const pushesTo = ({ fcm }: Sending, { token }: Told) => fcm.messages.filter((message) => message.token === token);

/** Writes, and resolves with how long it took until the telephone rang. */
async function ringAfterMs(sending: Sending, told: Told, timeoutMs: number): Promise<number> {
	const startedMs = performance.now();
	await send(sending.node.calls, told.conversationId, told.aliceId, "hello");
	await until(() => pushesTo(sending, told).length > 0, { timeoutMs });
	return performance.now() - startedMs;
}

async function closeAll({ node }: Sending, ...sockets: Socket[]): Promise<void> {
	for (const socket of sockets) socket.close();
	await until(() => gatewayOf(node).sockets.userIds().length === 0);
}

describe("with an idle delay of 3 s", () => {
	const idleDelayMs = 3_000;
	const sending: Sending = useStarted(
		() => startSending(idleDelayMs / 1_000),
		(started) => started.stop(),
	);

	test("somebody without a device and a connection gets a mail after the delay", async () => {
		const bob = await meet(sending, { hasTelephone: false });
		await send(sending.node.calls, bob.conversationId, bob.aliceId, "Are you free on Monday?");
		const mail = await until(() => sending.mail.received.find(({ to }) => to.includes(bob.email)));
		expect(mail.parsed.text).toContain("Are you free on Monday?");
	});

	test("the telephone of somebody at an idle desktop rings after the idle delay; the desktop is told at once", async () => {
		const bob = await meet(sending);
		const desktop = await openDesktop(urlOf(sending.node), bob.bobId);
		const startedMs = performance.now();
		let inAppMs = Number.POSITIVE_INFINITY;
		const heard: unknown[] = [];
		desktop.on("notification", (notification) => {
			heard.push(notification);
			inAppMs = performance.now() - startedMs;
		});
		expect(await ringAfterMs(sending, bob, 20_000)).toBeGreaterThanOrEqual(idleDelayMs - 100);
		expect(inAppMs).toBeLessThan(idleDelayMs);
		expect(heard).toMatchObject([{ kind: "NEW_MESSAGE", conversationId: bob.conversationId, seq: 1, body: "hello", count: 1 }]);
		expect(pushesTo(sending, bob)).toMatchObject([{ data: { kind: "NEW_MESSAGE", conversationId: bob.conversationId } }]);
		await closeAll(sending, desktop);
	});

	test("the telephone of somebody who keeps typing is silent until they have stopped for the idle delay", async () => {
		const bob = await meet(sending);
		const desktop = await openDesktop(urlOf(sending.node), bob.bobId);
		const startedMs = performance.now();
		await send(sending.node.calls, bob.conversationId, bob.aliceId);
		let typedMs = startedMs;
		await until(
			async () => {
				typedMs = performance.now();
				expect(await desktop.emitWithAck("typing_start", { conversationId: bob.conversationId })).toEqual({ ok: true });
				return typedMs > startedMs + 2 * idleDelayMs;
			},
			{ intervalMs: 500 },
		);
		expect(pushesTo(sending, bob)).toEqual([]);
		await until(() => pushesTo(sending, bob).length > 0, { timeoutMs: 20_000 });
		expect(performance.now() - typedMs).toBeGreaterThanOrEqual(idleDelayMs - 100);
		await closeAll(sending, desktop);
	});

	test("what is read on one device is taken away from the others, and is not mailed", async () => {
		const bob = await meet(sending);
		const closed = await openDesktop(urlOf(sending.node), bob.bobId);
		await closeAll(sending, closed);
		expect(await ringAfterMs(sending, bob, 30_000)).toBeGreaterThanOrEqual(delayMs - 100);
		const [desktop, tablet] = [
			await openDesktop(urlOf(sending.node), bob.bobId),
			await openDesktop(urlOf(sending.node), bob.bobId),
		];
		const cleared: unknown[] = [];
		tablet.on("notification_cleared", (payload) => cleared.push(payload));
		const { conversationId } = bob;
		expect(await desktop.emitWithAck("mark_read", { conversationId })).toMatchObject({ ok: true });
		await eventually(() => expect(cleared).toEqual([{ conversationId }]));
		await until(() => pushesTo(sending, bob).length > 1);
		const [shown, taken] = pushesTo(sending, bob);
		expect(taken).toMatchObject({ data: { kind: "CLEARED", conversationId, badge: "0", tag: shown.data.tag } });
		expect(sending.mail.received.filter(({ to }) => to.includes(bob.email))).toEqual([]);
		await closeAll(sending, desktop, tablet);
	});
});

describe("with a long idle delay", () => {
	const sending: Sending = useStarted(
		() => startSending(300),
		(started) => started.stop(),
	);

	test("a connection that is dead without anybody knowing keeps nobody from being told; one that acknowledges does", async () => {
		const [bob, carol] = [await meet(sending), await meet(sending)];
		const network = await TcpProxy.before(urlOf(sending.node));
		const dead = await openDesktop(network.url, bob.bobId);
		const alive = await openDesktop(urlOf(sending.node), carol.bobId);
		network.blackHole();
		await send(sending.node.calls, carol.conversationId, carol.aliceId);
		expect(await ringAfterMs(sending, bob, 30_000)).toBeGreaterThanOrEqual(delayMs + silentSocketMs - 100);
		// For the gateway, he has been here all the time.
		expect(gatewayOf(sending.node).sockets.userIds()).toContain(bob.bobId);
		expect(pushesTo(sending, carol)).toEqual([]);
		dead.close();
		await network.close();
		await closeAll(sending, alive);
	});
});
