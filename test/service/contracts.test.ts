import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { z } from "zod";
import { type EmbeddedStorage, startStorage } from "../../embedded/storage.ts";
import type { Meta } from "../../lib/access.ts";
import { serviceNames } from "../../lib/config/service-names.ts";
import { type ActionInput, type ActionName, type Calls, contractOf, contracts } from "../../services/contracts.ts";
import { serverEvents } from "../../services/gateway/gateway.contract.ts";
import { storageEnv } from "../../testing/storage-env.ts";
import { until } from "../../testing/until.ts";
import { as, asPlatform, startBrokers, type TestNode } from "../support/broker.ts";
import { createMigratedDatabase, query, type TestDatabase } from "../support/database.ts";
import { picture } from "../support/images.ts";
import { tokenOfMailTo, webPushEnv } from "../support/notifications.ts";
import { type Conversing, openConversation, registerApplication, registerUser, send } from "../support/platform.ts";
import { eventWatcher, type HeardEvent, type HeardPush, recordingGateway } from "../support/watchers.ts";

jest.setTimeout(20_000);

/** Two people who have written to each other. */
interface World extends Conversing {
	messageId: string;
	/** An application whose people have no conversation yet. */
	unopenedId: string;
}

interface Example<N extends ActionName> {
	params: ActionInput<N>;
	options?: { meta: Meta };
}

/** How each action is called so that it has something to say. */
const examples: { [N in ActionName]: (world: World) => Example<N> | Promise<Example<N>> } = {
	"applications.put": ({ applicantId, employerId }) => ({
		params: { id: randomUUID(), applicantId, employerId, jobTitle: "Cook", status: "OPEN" },
		options: asPlatform,
	}),
	"applications.get": ({ jobApplicationId }) => ({ params: { id: jobApplicationId } }),
	"applications.open": ({ jobApplicationId, applicantId }) => ({ params: { id: jobApplicationId, userId: applicantId } }),
	"applications.titles": ({ jobApplicationId }) => ({ params: { ids: [jobApplicationId, "unknown"] } }),
	"applications.renamed": async ({ jobApplicationId: id, applicantId, employerId }) => {
		const application = { id, applicantId, employerId, jobTitle: `Title ${randomUUID()}`, status: "OPEN" };
		await caller.calls.call("applications.put", application, asPlatform);
		return { params: { limit: 10 } };
	},
	"applications.forgetRenamed": ({ jobApplicationId }) => ({ params: { renamed: [{ id: jobApplicationId, xid: "1" }] } }),
	"conversations.create": ({ unopenedId, applicantId }) => ({
		params: { jobApplicationId: unopenedId },
		options: as(applicantId),
	}),
	"conversations.list": ({ applicantId }) => ({ params: { limit: 1 }, options: as(applicantId) }),
	"conversations.get": ({ conversationId, employerId }) => ({ params: { conversationId }, options: as(employerId) }),
	"conversations.metadata": ({ conversationId, employerId }) => ({ params: { conversationId }, options: as(employerId) }),
	"conversations.archive": ({ conversationId, employerId }) => ({ params: { conversationId }, options: as(employerId) }),
	"conversations.reopen": ({ conversationId, employerId }) => ({ params: { conversationId }, options: as(employerId) }),
	"conversations.mute": ({ conversationId, employerId }) => ({
		params: { conversationId, until: "2030-01-01T00:00:00+01:00" },
		options: as(employerId),
	}),
	"conversations.unreadCount": ({ employerId }) => ({ params: {}, options: as(employerId) }),
	"conversations.participants": ({ conversationId }) => ({ params: { conversationId } }),
	"conversations.sync": ({ employerId }) => ({ params: {}, options: as(employerId) }),
	"conversations.partners": ({ applicantId }) => ({ params: { userIds: [applicantId, "unknown"] } }),
	"conversations.levels": ({ conversationId, applicantId }) => ({
		params: {
			pairs: [
				{ conversationId, userId: applicantId },
				{ conversationId, userId: "unknown" },
			],
		},
	}),
	"conversations.totals": ({ applicantId }) => ({ params: { userIds: [applicantId, "unknown"] } }),
	"conversations.share": ({ applicantId, employerId }) => ({ params: { userId: applicantId, partnerId: employerId } }),
	"conversations.health": () => ({ params: {} }),
	"gateway.activity": ({ employerId }) => ({ params: { userIds: [employerId, "unknown"] } }),
	"gateway.deliver": ({ employerId }) => ({
		params: { pushes: [{ payload: { any: "thing" }, to: [{ userId: employerId, event: "anything" }] }] },
	}),
	"media.requestUpload": ({ conversationId, employerId }) => ({
		params: { conversationId, filename: "photo.png", mimeType: "image/png", sizeBytes: 1 },
		options: as(employerId),
	}),
	"media.confirm": async (world) => ({
		params: { conversationId: world.conversationId, imageId: await uploaded(world) },
		options: as(world.employerId),
	}),
	"media.get": async (world) => ({ params: { imageId: await confirmed(world) }, options: as(world.applicantId) }),
	"media.delete": async (world) => ({ params: { imageId: await confirmed(world) }, options: as(world.employerId) }),
	"media.claim": async (world) => ({ params: claimOf(world, await confirmed(world)) }),
	"media.release": async (world) => ({ params: { imageId: await confirmed(world), clientId: randomUUID() } }),
	"media.locate": async (world) => ({ params: { imageId: await uploaded(world) } }),
	"media.sign": async (world) => ({
		params: { images: [await caller.calls.call("media.claim", claimOf(world, await confirmed(world)))] },
	}),
	"media.cleanUp": () => ({ params: {} }),
	"media.reconcile": () => ({ params: {} }),
	"media.health": () => ({ params: {} }),
	"messages.send": ({ conversationId, employerId }) => ({
		params: { conversationId, clientId: randomUUID(), content: "www.example.org 👍", replyToSeq: 1, metadata: { a: 1, b: null } },
		options: as(employerId),
	}),
	"messages.list": ({ conversationId, employerId }) => ({ params: { conversationId, limit: 1 }, options: as(employerId) }),
	"messages.search": ({ employerId }) => ({ params: { q: "from:them" }, options: as(employerId) }),
	"messages.markRead": ({ messageId, employerId }) => ({ params: { messageId }, options: as(employerId) }),
	"messages.markDelivered": ({ conversationId, employerId }) => ({
		params: { acks: [{ conversationId, userId: employerId, seq: 1 }] },
	}),
	"messages.pick": ({ conversationId }) => ({ params: { positions: [{ conversationId, seq: 1 }] } }),
	"messages.dropImage": async (world) => ({
		params: { conversationId: world.conversationId, imageId: await sentImage(world) },
	}),
	"messages.imageUses": async (world) => ({
		params: { images: [{ conversationId: world.conversationId, imageId: await sentImage(world) }] },
	}),
	"messages.locate": ({ messageId }) => ({ params: { messageId } }),
	"messages.health": () => ({ params: {} }),
	"messages.changes": ({ conversationId }) => ({ params: { conversationIds: [conversationId], sinceXid: null, limit: 1 } }),
	"messages.undelivered": ({ applicantId }) => ({ params: { users: [{ userId: applicantId, afterId: null }] } }),
	"messages.backlog": ({ applicantId, conversationId }) => ({
		params: { userId: applicantId, cursors: [{ conversationId, deliveredSeq: 0 }] },
	}),
	"notifier.settings": ({ applicantId }) => ({ params: {}, options: as(applicantId) }),
	"notifier.putSettings": ({ applicantId }) => ({
		params: {
			newMessage: { inApp: false, email: false, push: false },
			quietHours: { enabled: true, start: "22:00", end: "07:00", timezone: null },
			digest: { enabled: true, windowMinutes: 1 },
		},
		options: as(applicantId),
	}),
	"notifier.addDevice": ({ applicantId }) => ({ params: { kind: "fcm", token: randomUUID() }, options: as(applicantId) }),
	"notifier.devices": async ({ applicantId }) => {
		await addDevice(applicantId);
		return { params: {}, options: as(applicantId) };
	},
	"notifier.deleteDevice": async ({ applicantId }) => ({
		params: { id: (await addDevice(applicantId)).id },
		options: as(applicantId),
	}),
	"notifier.vapidKey": () => ({ params: {} }),
	"notifier.askToUnsubscribe": async ({ applicantId }) => ({ params: { token: await tokenOfMailTo(applicantId, database.url) } }),
	"notifier.unsubscribe": async ({ applicantId }) => ({ params: { token: await tokenOfMailTo(applicantId, database.url) } }),
	"notifier.health": () => ({ params: {} }),
	"presence.report": ({ applicantId }) => ({
		params: { nodeId: randomUUID(), number: 2, users: [{ userId: applicantId, status: "away", chosen: true }], since: 1 },
	}),
	"presence.renew": () => ({ params: { nodeId: "unknown", digest: { users: 1, sum: 2 ** 31 } } }),
	"presence.locate": ({ applicantId }) => ({ params: { userIds: [applicantId] } }),
	"presence.get": ({ applicantId, employerId }) => ({ params: { userId: applicantId }, options: as(employerId) }),
	"presence.lookup": ({ applicantId }) => ({ params: { userIds: [applicantId, "unknown"] } }),
	"presence.typists": async ({ conversationId, applicantId, employerId }) => {
		await caller.calls.call("presence.typing", { conversationId, typing: true }, as(employerId));
		return { params: { conversationId, userIds: [applicantId, employerId] } };
	},
	"presence.typing": ({ conversationId, employerId }) => ({ params: { conversationId, typing: true }, options: as(employerId) }),
	"users.put": () => ({
		params: { id: randomUUID(), name: "Zoë", email: "z@example.org", locale: "de-AT", timezone: "Europe/Vienna" },
		options: asPlatform,
	}),
	"users.erase": ({ applicantId }) => ({ params: { id: applicantId }, options: asPlatform }),
	"users.active": ({ applicantId }) => ({ params: { ids: [applicantId, "unknown"] } }),
	"users.locales": ({ applicantId }) => ({ params: { ids: [applicantId, "unknown"] } }),
	"users.contacts": ({ applicantId }) => ({ params: { ids: [applicantId, "unknown"] } }),
	"users.names": ({ applicantId }) => ({ params: { ids: [applicantId, "unknown"] } }),
	"users.renamed": async ({ applicantId }) => {
		await caller.calls.call("users.put", { id: applicantId, name: `Name ${randomUUID()}` }, asPlatform);
		return { params: { limit: 10 } };
	},
	"users.forgetRenamed": ({ applicantId }) => ({ params: { renamed: [{ id: applicantId, xid: "1" }] } }),
};

const actionNames = Object.entries(contracts).flatMap(([service, { actions }]) =>
	Object.keys(actions).map((action) => `${service}.${action}` as ActionName),
);
const eventContracts: Record<string, z.ZodType> = Object.assign({}, ...Object.values(contracts).map(({ events }) => events));

const eventsHere: HeardEvent[] = [];
const eventsThere: HeardEvent[] = [];
const pushes: HeardPush[] = [];
let database: TestDatabase;
let dataDir: string;
let storage: EmbeddedStorage;
let caller: TestNode;
let server: TestNode;
let recorder: TestNode;

beforeAll(async () => {
	database = await createMigratedDatabase();
	const { url: databaseUrl } = database;
	dataDir = mkdtempSync(join(tmpdir(), "parley-contracts-"));
	storage = await startStorage({ dataDir });
	[caller, server, recorder] = (await startBrokers(
		{ databaseUrl, services: [] },
		{
			databaseUrl,
			services: serviceNames,
			env: { ...storageEnv(storage.s3), ...webPushEnv },
			others: [eventWatcher(eventsHere, "here")],
		},
		{ databaseUrl, services: [], others: [recordingGateway(pushes), eventWatcher(eventsThere, "there")] },
	)) as [TestNode, TestNode, TestNode];
});

afterAll(async () => {
	for (const node of [caller, server, recorder]) await node.stop();
	await storage.stop();
	await database.drop();
	rmSync(dataDir, { recursive: true });
});

test.each(actionNames)("%s called from another node answers with its contract's result and nothing more", async (name) => {
	expectAsIn(resultOf(name), await example(caller.calls, name));
});

test.each(actionNames)("%s called on its own node answers with what JSON can carry", async (name) => {
	const result = await example(server.calls, name);
	expectJsonSafe(result);
	expectAsIn(resultOf(name), result);
});

test("every event is as its contract says, here and on another node, and every one of the contracts is emitted", async () => {
	const { calls } = caller;
	const world = await makeWorld(calls);
	const { conversationId, employerId, applicantId } = world;
	await query(database.url, "update conversations set status = 'AUTO_ARCHIVED' where id = $1", [conversationId]);
	await send(calls, conversationId, employerId);
	await calls.call("messages.markRead", { conversationId }, as(applicantId));
	await calls.call("media.delete", { imageId: await sentImage(world) }, as(employerId));
	await calls.call("conversations.mute", { conversationId, until: null }, as(employerId));
	const application = { id: world.jobApplicationId, applicantId, employerId, jobTitle: "Another title", status: "OPEN" };
	await calls.call("applications.put", application, asPlatform);
	await calls.call("users.erase", { id: applicantId }, asPlatform);

	for (const events of [eventsHere, eventsThere]) {
		await until(() => Object.keys(eventContracts).every((name) => events.some((event) => event.name === name)));
		for (const { name, payload } of events) {
			expect(Object.keys(eventContracts)).toContain(name);
			expectAsIn(eventContracts[name] as z.ZodType, payload);
			expectJsonSafe(payload);
		}
	}
});

test("everything that is pushed to sockets is as the gateway's contract says", async () => {
	const { calls } = caller;
	const { conversationId, employerId, applicantId } = await makeWorld(calls);
	await calls.call("conversations.archive", { conversationId }, as(employerId));
	await calls.call("messages.markRead", { conversationId }, as(applicantId));
	await calls.call("presence.typing", { conversationId, typing: true }, as(applicantId));
	for (const [i, status] of (["online", "away"] as const).entries()) {
		const number = i + 1;
		const users = [{ userId: applicantId, status, chosen: true }];
		await calls.call("presence.report", { nodeId: "phone", number, users, since: number });
		await until(() => pushes.some(({ userId, event }) => userId === employerId && event === `user_${status}`));
	}

	// A gateway says the first two by itself; the third takes the ten seconds after which somebody counts as gone; the tests of the
	// notifier have the others.
	const unpushed = ["error", "server_draining", "user_offline", "notification", "notification_cleared"];
	const events = Object.keys(serverEvents).filter((event) => !unpushed.includes(event));
	await until(() => events.every((event) => pushes.some((push) => push.event === event)));
	for (const { event, payload } of pushes.filter((push) => push.event !== "anything")) {
		expect(events).toContain(event);
		expectAsIn(serverEvents[event as keyof typeof serverEvents], payload);
	}
});

async function makeWorld(calls: Calls): Promise<World> {
	const conversing = await openConversation(calls);
	const { conversationId, applicantId, employerId } = conversing;
	const { id: messageId } = await send(calls, conversationId, applicantId);
	await send(calls, conversationId, employerId);
	// Long enough ago that a device should have acknowledged.
	await query(database.url, "update conversations set last_message_at = now() - interval '1 minute' where id = $1", [
		conversationId,
	]);
	await openConversation(calls, { applicantId, employerId: await registerUser(calls) });
	const { jobApplicationId: unopenedId } = await registerApplication(calls, { applicantId, employerId });
	return { ...conversing, messageId, unopenedId };
}

async function example<N extends ActionName>(calls: Calls, name: N): Promise<unknown> {
	const { params, options } = await examples[name](await makeWorld(calls));
	const nodeID = server.broker.nodeID;
	return calls.call(name, params, { ...options, nodeID });
}

/** By the employer. */
async function uploaded({ conversationId, employerId }: World): Promise<string> {
	const bytes = await picture().jpeg().toBuffer();
	const wanted = { conversationId, filename: "photo.jpg", mimeType: "image/jpeg", sizeBytes: bytes.length } as const;
	const { imageId, uploadUrl, method, headers } = await caller.calls.call("media.requestUpload", wanted, as(employerId));
	expect((await fetch(uploadUrl, { method, headers, body: new Uint8Array(bytes) })).status).toBe(200);
	return imageId;
}

async function confirmed(world: World): Promise<string> {
	const { conversationId, employerId } = world;
	const imageId = await uploaded(world);
	await caller.calls.call("media.confirm", { conversationId, imageId }, as(employerId));
	return imageId;
}

async function sentImage(world: World): Promise<string> {
	const { conversationId, employerId } = world;
	const imageId = await confirmed(world);
	const draft = { conversationId, clientId: randomUUID(), type: "IMAGE", imageId } as const;
	await caller.calls.call("messages.send", draft, as(employerId));
	return imageId;
}

function addDevice(userId: string) {
	return caller.calls.call("notifier.addDevice", { kind: "fcm", token: randomUUID() }, as(userId));
}

function claimOf({ conversationId, employerId }: World, imageId: string) {
	return { imageId, conversationId, uploaderId: employerId, clientId: randomUUID() };
}

function resultOf(name: ActionName): z.ZodType {
	const contract = contractOf(name);
	if (!contract) throw new Error(`${name} has no contract.`);
	return contract.result;
}

/** Parsing leaves out what a schema does not name: what comes out equal had nothing more. */
function expectAsIn(schema: z.ZodType, value: unknown): void {
	expect(value).toStrictEqual(schema.parse(value));
}

function expectJsonSafe(value: unknown): void {
	expect(value).toStrictEqual(JSON.parse(JSON.stringify(value)));
}
