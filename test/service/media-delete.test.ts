import { randomUUID } from "node:crypto";
import { io, type Socket } from "socket.io-client";
import { eventually, until } from "../../testing/until.ts";
import { confirm, download, lasting, picture, upload, uploadAndConfirm } from "../support/images.ts";
import { type Answer, type Person, useMediaNode } from "../support/media-node.ts";

jest.setTimeout(30_000);

let conversationId: string;
let alice: Person;
let bob: Person;
const sockets: Socket[] = [];

// Above the node, so that these are closed before it stops.
afterAll(() => {
	for (const socket of sockets) socket.close();
});

const parley = useMediaNode();

beforeEach(async () => {
	({ id: conversationId, alice, bob } = await parley.conversation());
});
afterEach(async () => {
	parley.storage.refuses = () => false;
	parley.storage.before = () => {};
	expect(await parley.calls.call("media.reconcile", { minAgeMinutes: 0 })).toEqual({
		objectsWithoutRow: [],
		rowsWithoutObject: [],
	});
});

test("a deleted image is gone for both, its message stays, and both are told", async () => {
	const { image, message } = await sendImage();
	const updates = [await listen(alice), await listen(bob)];
	expect(await alice.fetch("DELETE", `/images/${image.id}`)).toEqual({ status: 204, body: null });

	for (const heard of updates) {
		const { conversation } = await until(() => heard[0]);
		expect(conversation.lastMessage).toMatchObject({ id: message.id, image: null });
	}
	expect(await messagesOf(bob)).toMatchObject([{ id: message.id, type: "IMAGE", content: "Look", image: null }]);
	expect((await bob.fetch("GET", `/images/${image.id}`)).status).toBe(404);
	expect((await fetch(image.originalUrl)).status).toBe(404);
	expect(await parley.bucket.keys(image.id)).toEqual([]);
	await parley.sql("update images set claimed_at = now() - interval '2 minutes' where id = $1", [image.id]);
	await parley.calls.call("media.cleanUp", {});
	expect(await statusOf(image.id)).toBe("GONE");
	expect((await alice.fetch("DELETE", `/images/${image.id}`)).status).toBe(404);
});

test("its message sent again is still that message", async () => {
	const clientId = randomUUID();
	const { image, message } = await sendImage(clientId);
	await alice.fetch("DELETE", `/images/${image.id}`);
	const again = await send({ clientId, imageId: image.id, content: "Look" });
	expect(again).toMatchObject({ status: 200, body: { id: message.id, image: null } });
	expect((await send({ imageId: image.id })).status).toBe(404);
});

test("an image that was never sent leaves no row", async () => {
	const image = await uploadAndConfirm(alice, conversationId);
	expect((await alice.fetch("DELETE", `/images/${image.id}`)).status).toBe(204);
	expect(await statusOf(image.id)).toBeUndefined();
	const imageId = await upload(alice, conversationId, await picture().jpeg().toBuffer());
	expect((await alice.fetch("DELETE", `/images/${imageId}`)).status).toBe(204);
	expect(await statusOf(imageId)).toBeUndefined();
	expect(await parley.bucket.keys(imageId)).toEqual([]);
});

test("a storage that fails is asked again, and the row does not say gone before", async () => {
	const { image } = await sendImage();
	await parley.sql("update images set claimed_at = now() - interval '2 minutes' where id = $1", [image.id]);
	parley.storage.refuses = (req) => req.method === "DELETE" && String(req.url).includes("/preview");
	expect((await alice.fetch("DELETE", `/images/${image.id}`)).status).toBe(204);
	expect((await bob.fetch("GET", `/images/${image.id}`)).status).toBe(404);
	expect(await messagesOf(bob)).toMatchObject([{ image: null }]);
	expect(await statusOf(image.id)).toBe("DELETING");
	expect(await parley.calls.call("media.cleanUp", {})).toMatchObject({ failed: expect.any(Number) });
	expect(await statusOf(image.id)).toBe("DELETING");

	parley.storage.refuses = () => false;
	expect(await parley.calls.call("media.cleanUp", {})).toMatchObject({ failed: 0 });
	expect(await statusOf(image.id)).toBe("GONE");
	expect(await parley.bucket.keys(image.id)).toEqual([]);
});

test("deleting while it is confirmed leaves nothing, whoever is faster", async () => {
	for (const stage of ["GET", "PUT"]) {
		const imageId = await upload(alice, conversationId, await picture().jpeg().toBuffer());
		let deleted: Promise<Answer> | undefined;
		parley.storage.before = async ({ method, url }) => {
			if (method === stage && String(url).includes(imageId)) {
				deleted ??= alice.fetch("DELETE", `/images/${imageId}`);
				await deleted;
			}
		};
		const { status, body } = await confirm(alice, conversationId, imageId);
		parley.storage.before = () => {};
		expect((await deleted)?.status).toBe(204);
		expect([stage, status, body.error.code]).toEqual([stage, 404, "NOT_FOUND"]);
		await parley.calls.call("media.cleanUp", {});
		expect(await statusOf(imageId)).toBeUndefined();
		expect(await parley.bucket.keys(imageId)).toEqual([]);
	}
});

test("a confirmation that died with its node is taken over when its lease is over, and orphans nothing", async () => {
	const imageId = await upload(alice, conversationId, await picture().jpeg().toBuffer());
	await parley.sql("update images set confirming_by = $2, confirming_until = now() + interval '1 second' where id = $1", [
		imageId,
		randomUUID(),
	]);
	expect((await confirm(alice, conversationId, imageId)).status).toBe(200);
});

test("deleting an image that another node may be writing waits for its lease", async () => {
	const imageId = await upload(alice, conversationId, await picture().jpeg().toBuffer());
	const lease = (seconds: number) =>
		parley.sql("update images set confirming_by = $2, confirming_until = now() + make_interval(secs => $3) where id = $1", [
			imageId,
			randomUUID(),
			seconds,
		]);
	await lease(60);
	await alice.fetch("DELETE", `/images/${imageId}`);
	expect(await statusOf(imageId)).toBe("DELETING");
	await lease(-120);
	await parley.calls.call("media.cleanUp", {});
	expect(await statusOf(imageId)).toBeUndefined();
});

test("a storage that is away at the confirmation leaves it to be tried again", async () => {
	const imageId = await upload(alice, conversationId, await picture().jpeg().toBuffer());
	parley.storage.refuses = ({ method }) => method === "PUT";
	const { status, body } = await confirm(alice, conversationId, imageId);
	expect({ status, code: body.error.code }).toEqual({ status: 503, code: "UNAVAILABLE" });
	await eventually(async () => {
		expect(await ready()).toEqual({ status: "ready" });
	});
	parley.storage.refuses = () => true;
	await eventually(async () => {
		expect(await ready()).toEqual({ status: "ready", degraded: ["media"] });
	});
	parley.storage.refuses = () => false;
	expect((await confirm(alice, conversationId, imageId)).status).toBe(200);
});

test("images go after 90 days, abandoned ones after one, and others stay", async () => {
	const jpeg = await picture().jpeg().toBuffer();
	const old = await sendImage();
	const kept = await sendImage();
	const unsent = await uploadAndConfirm(alice, conversationId);
	const fresh = await uploadAndConfirm(alice, conversationId);
	const unconfirmed = await upload(alice, conversationId, jpeg);
	const claimedInVain = await uploadAndConfirm(alice, conversationId);
	const claim = { imageId: claimedInVain.id, conversationId, uploaderId: alice.id, clientId: randomUUID() };
	await parley.calls.call("media.claim", claim);
	const unclaimedThoughSent = await sendImage();
	await parley.sql("update images set client_id = null where id = $1", [unclaimedThoughSent.image.id]);
	await parley.sql("update images set delete_after = now() where id = $1", [old.image.id]);
	await parley.sql(
		"update images set created_at = now() - interval '25 hours', claimed_at = claimed_at - interval '25 hours' where id <> $1 and conversation_id = $2",
		[fresh.id, conversationId],
	);
	await parley.calls.call("media.cleanUp", {});

	expect(await statusOf(old.image.id)).toBe("GONE");
	for (const id of [unsent.id, unconfirmed, claimedInVain.id]) {
		expect(await statusOf(id)).toBeUndefined();
		expect(await parley.bucket.keys(id)).toEqual([]);
	}
	for (const id of [kept.image.id, fresh.id, unclaimedThoughSent.image.id]) expect(await statusOf(id)).toBe("READY");
	const shown = (await messagesOf(bob)).map(({ image }: Answer["body"]) => image && lasting(image).id);
	expect(shown).toEqual([unclaimedThoughSent.image.id, kept.image.id, null]);
	await download(kept.image.originalUrl);
});

test("the check finds what has no row and what has no object", async () => {
	const image = await uploadAndConfirm(alice, conversationId);
	const keys = await parley.bucket.keys(image.id);
	expect(keys).toHaveLength(3);
	const away = randomUUID();
	const rename = (from: string, to: string) => parley.sql("update images set id = $2 where id = $1", [from, to]);
	await rename(image.id, away);
	expect(await parley.calls.call("media.reconcile", { minAgeMinutes: 0 })).toEqual({
		objectsWithoutRow: keys,
		rowsWithoutObject: [away],
	});
	expect(await parley.calls.call("media.reconcile", {})).toEqual({ objectsWithoutRow: [], rowsWithoutObject: [] });
	await rename(away, image.id);
});

async function sendImage(clientId: string = randomUUID()) {
	const image = await uploadAndConfirm(alice, conversationId);
	const { status, body } = await send({ clientId, imageId: image.id, content: "Look" });
	expect(status).toBe(201);
	return { image, message: body };
}

function send(draft: object): Promise<Answer> {
	const body = { clientId: randomUUID(), type: "IMAGE", ...draft };
	return alice.fetch("POST", `/conversations/${conversationId}/messages`, body);
}

async function messagesOf(who: Person) {
	return (await who.fetch("GET", `/conversations/${conversationId}/messages`)).body.items;
}

async function statusOf(imageId: string): Promise<string | undefined> {
	const [row] = await parley.sql<{ status: string }>("select status from images where id = $1", [imageId]);
	return row?.status;
}

async function ready(): Promise<unknown> {
	return (await fetch(`${parley.url}/health/ready`)).json();
}

/** The conversation_updated that come to a new socket. */
async function listen(who: Person): Promise<Answer["body"][]> {
	const socket = io(`${parley.url}/messaging`, { auth: { token: who.token }, transports: ["websocket"] });
	sockets.push(socket);
	const heard: Answer["body"][] = [];
	socket.on("conversation_updated", (update) => heard.push(update));
	await until(() => socket.connected);
	return heard;
}
