import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import usersService from "../../services/directory/users.service.ts";
import type { Outcome } from "../../services/notifier/channels/channel.ts";
import { openSmtp } from "../../services/notifier/channels/email.ts";
import { Counters } from "../../services/notifier/counters.ts";
import { Deliveries } from "../../services/notifier/deliveries/deliveries.ts";
import { decideDue } from "../../services/notifier/due/decide-due.ts";
import { eventually, until } from "../../testing/until.ts";
import { asPlatform } from "../support/broker.ts";
import { query } from "../support/database.ts";
import { type MailServer, startMailServer } from "../support/mail-server.ts";
import { type Given, SteppedNotifier } from "../support/notifier.ts";
import { type Conversing, openConversation, send } from "../support/platform.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { useNode } from "../support/use-node.ts";
import { useStarted } from "../support/use-started.ts";

jest.setTimeout(60_000);

const node = useNode({ services: ["conversations", "directory", "messages", "presence"] });
const mailServer: MailServer = useStarted(startMailServer, (server) => server.close());
const postgres: { proxy: TcpProxy } = useStarted(
	async () => ({ proxy: await TcpProxy.before(node.databaseUrl) }),
	({ proxy }) => proxy.close(),
);
const smtp: { proxy: TcpProxy } = useStarted(
	async () => ({ proxy: await TcpProxy.before(`smtp://127.0.0.1:${mailServer.port}`) }),
	({ proxy }) => proxy.close(),
);
const from = "Parley <no-reply@example.org>";

let notifier: SteppedNotifier;

beforeEach(async () => {
	notifier = new SteppedNotifier(node, postgres.proxy.url, { mail: openSmtp({ url: smtp.proxy.url, from }) });
	mailServer.received.length = 0;
	await query(node.databaseUrl, "truncate unnotified, notifications, devices");
});

afterEach(async () => {
	await notifier.context.mail?.close();
	await notifier.close();
});

/** A conversation whose employer, who may be given, has an unread message. Their devices have tokens that begin with their id. */
async function unread({ employerId, devices = 0 }: { employerId?: string; devices?: number } = {}): Promise<Conversing> {
	const pair = await openConversation(node.calls, employerId === undefined ? {} : { employerId });
	const { conversationId, applicantId } = pair;
	await query(
		node.databaseUrl,
		"insert into devices (id, user_id, kind, address) select gen_random_uuid(), $1, 'fcm', $1 || n from generate_series(1, $2) n",
		[pair.employerId, devices],
	);
	const { seq, createdAt } = await send(node.calls, conversationId, applicantId);
	await notifier.note({ conversationId, seq, senderId: applicantId, createdAt });
	return pair;
}

const tokenOf = (given: Given) => (given.channel === "email" ? "" : given.device.address);
const waiting = () => query<{ attempts: number }>(node.databaseUrl, "select attempts from notifications where state = 'WAITING'");

test("somebody with many devices that do not answer holds up nobody else", async () => {
	const { employerId: silent } = await unread({ devices: 20 });
	for (let n = 0; n < 5; n++) await unread({ employerId: silent });
	const other = await unread({ devices: 1 });
	let answerAll: (outcome: Outcome) => void = () => {};
	const answered = new Promise<Outcome>((resolve) => {
		answerAll = resolve;
	});
	notifier.answer = (given) => (tokenOf(given).startsWith(silent) ? answered : { kind: "accepted" });
	notifier.nowMs += 31_000;
	await decideDue(notifier.context);
	const deliveries = new Deliveries(notifier.context, "fcm", new Counters(node.broker.metrics));

	await deliveries.sendDue(new AbortController().signal);
	const given = notifier.given.map(tokenOf);
	expect(given.filter((token) => token.startsWith(silent))).toHaveLength(5);
	expect(given.filter((token) => token.startsWith(other.employerId))).toHaveLength(1);
	await eventually(async () => expect(await waiting()).toHaveLength(120));

	// Those that had no place were no attempts, and come when there is one.
	answerAll({ kind: "accepted" });
	await deliveries.drain();
	const late = await waiting();
	expect(late).toEqual(Array(115).fill({ attempts: 0 }));
	expect(await notifier.work()).toHaveLength(115);
});

test("what other services could not be asked about is no attempt, and is sent soon after they are back", async () => {
	await unread({ devices: 1 });
	notifier.nowMs += 31_000;
	await decideDue(notifier.context);
	const service = node.broker.getLocalService("users");
	await node.broker.destroyService(service);
	try {
		const deliveries = new Deliveries(notifier.context, "fcm", new Counters(node.broker.metrics));
		await expect(deliveries.sendDue(new AbortController().signal)).rejects.toThrow();
	} finally {
		node.broker.createService(usersService);
		await node.broker.waitForServices("users", 10_000, 5);
	}
	expect(await waiting()).toEqual([{ attempts: 0 }]);
	expect(await notifier.pass(4)).toEqual([]);
	expect(await notifier.pass(2)).toMatchObject([{ channel: "fcm" }]);
});

test("what a provider accepted while PostgreSQL was away is noted when it is back, and not sent again", async () => {
	await unread({ devices: 1 });
	notifier.nowMs += 31_000;
	await decideDue(notifier.context);
	let mended: Promise<void> | undefined;
	notifier.answer = () => {
		postgres.proxy.down();
		mended = delay(1_500).then(() => postgres.proxy.pass());
		return { kind: "accepted" };
	};
	const deliveries = new Deliveries(notifier.context, "fcm", new Counters(node.broker.metrics));
	// It looks for more to send, and cannot.
	await expect(deliveries.sendDue(new AbortController().signal)).rejects.toThrow();
	await deliveries.drain();
	await mended;
	expect(notifier.given).toHaveLength(1);
	expect(await waiting()).toEqual([]);
	expect(await notifier.pass(120, 30)).toEqual([]);
});

describe("a mail server that dies", () => {
	beforeEach(async () => {
		const { employerId } = await unread();
		await node.calls.call("users.put", { id: employerId, name: "Bob", email: `${randomUUID()}@example.org` }, asPlatform);
	});

	test("before it has the mail gets it later, once", async () => {
		smtp.proxy.swallow({ request: "DATA\r\n", isComplete: () => true }, 1);
		await notifier.pass(31);
		expect(smtp.proxy.swallowed).toBeGreaterThan(0);
		expect(mailServer.received).toHaveLength(0);
		await notifier.pass(10);
		expect(mailServer.received).toHaveLength(1);
		expect(await waiting()).toEqual([]);
	});

	test("before it has confirmed the mail gets it again with the same Message-ID", async () => {
		smtp.proxy.swallow({ request: "Message-ID", isComplete: () => true }, 1);
		await notifier.pass(31);
		await until(() => mailServer.received.length === 1);
		await notifier.pass(10);
		const [first, second, ...more] = mailServer.received.map(({ parsed }) => parsed.messageId);
		expect([second, more]).toEqual([first, []]);
		expect(await waiting()).toEqual([]);
	});

	test("for hours gets it when it is back", async () => {
		smtp.proxy.down();
		await notifier.pass(4 * 3_600, 60);
		smtp.proxy.pass();
		await notifier.pass(3_700, 60);
		expect(mailServer.received).toHaveLength(1);
	});
});
