import { randomUUID } from "node:crypto";
import { ChatClient } from "../../client/chat.ts";
import { ParleyApiError } from "../../client/errors.ts";
import type { Message } from "../../client/types.ts";
import { ParleyError } from "../../lib/errors.ts";
import { signToken } from "../../lib/token.ts";
import { eventually, until } from "../../testing/until.ts";
import { AccessPoint, type Reception } from "../support/access-point.ts";
import { as, jwtSecret, tokenOf } from "../support/broker.ts";
import { type FaultySends, faultyMessages } from "../support/faulty-messages.ts";
import { gatewayOf, urlOf } from "../support/gateway.ts";
import { type Conversing, openConversation, send } from "../support/platform.ts";
import { useNode } from "../support/use-node.ts";

jest.setTimeout(60_000);

const faultCount = 1_000;
const stepMs = 8;
/** The longest that a fault lasts. */
const maxFaultMs = 60;
const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);

const faults: FaultySends = {};
const accessPoints: AccessPoint[] = [];
let client: ChatClient | undefined;

// Above the nodes, so that this is closed before they stop.
afterAll(async () => {
	client?.close();
	for (const accessPoint of accessPoints) await accessPoint.close();
});

const node = useNode({
	services: ["conversations", "directory", "gateway", "presence"],
	others: [faultyMessages(faults)],
});

beforeAll(async () => {
	accessPoints.push(await AccessPoint.before(urlOf(node)), await AccessPoint.before(urlOf(node)));
});

test(`after a thousand random faults the client is connected and right (seed ${seed})`, async () => {
	const random = mulberry32(seed);
	const pick = <Item>(items: readonly [Item, ...Item[]]): Item => items[Math.floor(random() * items.length)] ?? items[0];
	const rooms: [Conversing, ...Conversing[]] = [await openConversation(node.calls)];
	const [{ applicantId: aliceId, employerId: bobId }] = rooms;
	for (let count = 0; count < 2; count++)
		rooms.push(await openConversation(node.calls, { applicantId: aliceId, employerId: bobId }));
	const source = await aTokenSource(bobId);
	const counts: Record<string, number> = {};

	const [near, far] = accessPoints as [AccessPoint, AccessPoint];
	client = new ChatClient({
		baseUrl: [near.url, far.url],
		token: source.token,
		ackTimeoutMs: 150,
		reconnectDelayMs: 5,
		resendDelayMs: 5,
		maxConversations: 2,
		maxMessages: 60,
	});
	const chat = client;
	const news: Message[] = [];
	const heard = jest.fn();
	let isAppBroken = false;
	chat.on("message", ({ message }) => {
		news.push(message);
		if (isAppBroken) throw new Error("a bug of the app");
	});
	for (const event of ["connected", "disconnected", "synced", "refused", "unread_count"] as const) {
		chat.on(event, async () => {
			if (isAppBroken) throw new Error("a bug of the app");
		});
	}
	chat.on("error", ({ code }) => heard(code));
	await chat.connect().catch(() => {});
	await until(() => chat.isConnected);
	for (const { conversationId } of rooms) await until(() => chat.open(conversationId));
	chat.leave(rooms[0].conversationId);

	/** Ends some time later by itself. */
	const during = (begin: () => void, end: () => void) => {
		begin();
		setTimeout(end, random() * maxFaultMs);
	};
	const receive = (accessPoint: AccessPoint, reception: Reception) =>
		during(
			() => {
				accessPoint.reception = reception;
				if (random() < 0.5) accessPoint.cut();
			},
			() => {
				accessPoint.reception = "passes";
			},
		);
	const faultsOf: Record<string, () => void> = {
		"the token source throws": () => source.fail("throws", random() * maxFaultMs),
		"the token source says nothing": () => source.fail("is silent", random() * maxFaultMs),
		"the token source gives nonsense": () => source.fail("gives nonsense", random() * maxFaultMs),
		"the clock of the device goes wrong": () => source.shiftClock((random() - 0.5) * 7_200_000),
		"the token expires": () => source.expire(),
		"the network breaks": () => pick([near, far]).cut(),
		"the network goes silent": () => pick([near, far]).silence(),
		"connections are refused": () => receive(pick([near, far]), "refuses"),
		"connections are accepted and go nowhere": () => receive(pick([near, far]), "is silent"),
		"a portal is in the way": () => receive(pick([near, far]), "is a portal"),
		"the gateway closes its sockets": () => {
			for (const socket of gatewayOf(node).sockets.of(bobId)) socket.disconnect(true);
		},
		"the gateway is about to leave": () => {
			for (const socket of gatewayOf(node).sockets.of(bobId)) socket.emit("server_draining", { reconnectAfterMs: 5 });
		},
		"sends are not available": () =>
			during(
				() => {
					faults[random() < 0.5 ? "before" : "afterCommit"] = () => {
						if (random() < 0.7) throw new ParleyError("UNAVAILABLE");
					};
				},
				() => Object.assign(faults, { before: undefined, afterCommit: undefined }),
			),
		"the app throws": () =>
			during(
				() => {
					isAppBroken = true;
				},
				() => {
					isAppBroken = false;
				},
			),
	};
	const names = Object.keys(faultsOf) as [string, ...string[]];

	const written: Promise<unknown>[] = [];
	const sends: { clientId: string; conversationId: string; sent: Promise<Message> }[] = [];
	const asked: Promise<unknown>[] = [];
	for (let step = 0; step < faultCount / 2; step++) {
		for (const name of [pick(names), pick(names)]) {
			counts[name] = (counts[name] ?? 0) + 1;
			faultsOf[name]?.();
		}
		const { conversationId } = pick(rooms);
		if (random() < 0.3) {
			const clientId = randomUUID();
			const sent = chat.send(conversationId, { clientId, content: `mine ${clientId}` });
			sent.catch(() => {});
			sends.push({ clientId, conversationId, sent });
		}
		// What hooks refuse to Alice she repeats until it is stored: she is not what is tested.
		if (random() < 0.3) written.push(untilStored(() => send(node.calls, conversationId, aliceId)));
		if (random() < 0.1) asked.push(chat.markRead(conversationId).catch(onlyApiErrors));
		if (random() < 0.05) asked.push(chat.rest.listConversations().catch(onlyApiErrors));
		if (random() < 0.05) asked.push(chat.open(conversationId).catch(onlyApiErrors));
		if (random() < 0.03) chat.leave(conversationId);
		if (random() < 0.03) chat.check();
		await new Promise((resolve) => setTimeout(resolve, stepMs));
	}
	for (const accessPoint of accessPoints) accessPoint.reception = "passes";
	await source.mend();
	await Promise.all(written);
	const own = await Promise.all(sends.map(({ sent }) => sent));
	await Promise.all(asked);
	await until(() => chat.isConnected);

	expect(Object.keys(counts)).toHaveLength(names.length);
	expect(own.map(({ clientId }) => clientId)).toEqual(sends.map(({ clientId }) => clientId));
	for (const { conversationId } of rooms) {
		const stored = await historyOf(conversationId, bobId);
		const mine = stored.filter(({ senderId }) => senderId === bobId).map(({ clientId }) => clientId);
		expect(mine.toSorted()).toEqual(
			sends
				.filter((sent) => sent.conversationId === conversationId)
				.map(({ clientId }) => clientId)
				.toSorted(),
		);
		const seen = () => news.filter((message) => message.conversationId === conversationId).map(({ seq }) => seq);
		await eventually(() => {
			expect(seen()).toEqual(stored.map(({ seq }) => seq));
		});
		const state = await chat.open(conversationId);
		await until(() => state.lastSeq === stored.at(-1)?.seq);
		const tail = stored.slice(-state.messages.length);
		expect(state.messages.map(({ id }) => id)).toEqual(tail.map(({ id }) => id));
		expect(state.messages.length).toBeLessThanOrEqual(60);
	}
	// The errors that were told of are those that may pass, or the app's own.
	expect([...new Set(heard.mock.calls.map(([code]) => code))].filter((code) => !passing.has(code))).toEqual([]);
});

const passing = new Set(["NETWORK", "UNAVAILABLE", "TOKEN_EXPIRED", "UNAUTHENTICATED", "HANDLER_FAILED"]);

function onlyApiErrors(error: unknown): void {
	if (!(error instanceof ParleyApiError) || !passing.has(error.code)) throw error;
}

async function untilStored(attempt: () => Promise<unknown>): Promise<void> {
	await until(() => attempt().then(() => true));
}

async function historyOf(conversationId: string, userId: string): Promise<Message[]> {
	const stored: Message[] = [];
	for (;;) {
		const after = stored.at(-1)?.seq ?? 0;
		const { items, hasMore } = await node.calls.call("messages.list", { conversationId, after, limit: 100 }, as(userId));
		stored.push(...(items as Message[]));
		if (!hasMore) return stored;
	}
}

/** An app's token source with its usual weaknesses: it keeps a token for as long as that is good by the device's clock. */
async function aTokenSource(userId: string) {
	const expired = await signToken({ sub: userId, role: "user", ttlSeconds: -60, jwt: { secret: jwtSecret } });
	let clockMs = 0;
	let kept: { token: string; untilMs: number } | undefined;
	let failure: "throws" | "is silent" | "gives nonsense" | undefined;
	let timer: NodeJS.Timeout | undefined;
	return {
		async token(refused?: string): Promise<string> {
			if (failure === "throws") throw new Error("no signal");
			if (failure === "is silent") return new Promise(() => {});
			if (failure === "gives nonsense") return "nonsense";
			if (!kept || kept.token === refused || Date.now() + clockMs >= kept.untilMs) {
				kept = { token: await tokenOf(userId), untilMs: Date.now() + clockMs + 3_600_000 };
			}
			return kept.token;
		},
		fail(how: typeof failure, forMs: number): void {
			failure = how;
			clearTimeout(timer);
			timer = setTimeout(() => {
				failure = undefined;
			}, forMs);
		},
		shiftClock(byMs: number): void {
			clockMs = byMs;
		},
		/** By the device's clock it is still good. */
		expire(): void {
			kept = { token: expired, untilMs: Number.POSITIVE_INFINITY };
		},
		async mend(): Promise<void> {
			await until(() => failure === undefined);
		},
	};
}

/** A small generator of random numbers from 0 to 1, the same ones for the same seed. */
function mulberry32(state: number): () => number {
	let current = state;
	return () => {
		current = (current + 0x6d2b79f5) | 0;
		let mixed = Math.imul(current ^ (current >>> 15), 1 | current);
		mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
	};
}
