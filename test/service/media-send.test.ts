import { randomUUID } from "node:crypto";
import { Database } from "../../mixins/database.ts";
import { createSignImages } from "../../services/image-urls.ts";
import { append, type Draft } from "../../services/messages/append.ts";
import { createToMessages } from "../../services/messages/message-row.ts";
import { confirm, download, lasting, picture, upload, uploadAndConfirm } from "../support/images.ts";
import { type Answer, type Person, useMediaNode } from "../support/media-node.ts";

jest.setTimeout(30_000);

let conversationId: string;
let alice: Person;
let bob: Person;

const parley = useMediaNode();

beforeEach(async () => {
	({ id: conversationId, alice, bob } = await parley.conversation());
});

test("an image is sent with a caption or without, and the other participant sees it", async () => {
	const [first, second] = [await uploadAndConfirm(alice, conversationId), await uploadAndConfirm(alice, conversationId)];
	const captioned = await send(alice, { imageId: first.id, content: "My <b>shop</b> 🥐" });
	expect(captioned.status).toBe(201);
	expect(captioned.body).toMatchObject({ type: "IMAGE", content: "My shop 🥐", contentHtml: "My shop 🥐", seq: 1 });
	expect(lasting(captioned.body.image)).toEqual(lasting(first));
	const bare = await send(alice, { imageId: second.id, content: "" });
	expect(bare.body).toMatchObject({ type: "IMAGE", content: null, contentHtml: null, seq: 2 });

	const { items } = await page(bob);
	expect(items.map(({ image }: Answer["body"]) => lasting(image))).toEqual([lasting(second), lasting(first)]);
	await download(items[0].image.thumbnailUrl);
	const { body } = await bob.fetch("GET", `/conversations/${conversationId}`);
	expect(lasting(body.lastMessage.image)).toEqual(lasting(second));
});

test("the same send again is the same message, also when many come at once", async () => {
	const image = await uploadAndConfirm(alice, conversationId);
	const clientId = randomUUID();
	const answers = await Promise.all(Array.from({ length: 8 }, () => send(alice, { clientId, imageId: image.id })));
	expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
	expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
	expect((await page(bob)).items).toHaveLength(1);
	expect((await send(alice, { clientId, imageId: image.id, content: "other" })).body.error.code).toBe("CLIENT_ID_REUSED");
	const another = await uploadAndConfirm(alice, conversationId);
	expect((await send(alice, { clientId, imageId: another.id })).body.error.code).toBe("CLIENT_ID_REUSED");
	expect((await send(alice, { imageId: another.id })).status).toBe(201);
});

test("of many messages that want one image, one gets it", async () => {
	const image = await uploadAndConfirm(alice, conversationId);
	const answers = await Promise.all(Array.from({ length: 8 }, () => send(alice, { imageId: image.id })));
	expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
	for (const { status, body } of answers.filter((answer) => answer.status !== 201)) {
		expect(status).toBe(409);
		expect(body.error).toMatchObject({ code: "IMAGE_NOT_READY", details: { reason: "ALREADY_SENT" } });
	}
	expect((await page(bob)).items).toHaveLength(1);
});

test("even with its claim lost, an image is in one message, and texts beside it go through", async () => {
	const image = await uploadAndConfirm(alice, conversationId);
	await send(alice, { imageId: image.id });
	await parley.sql("update images set client_id = null where id = $1", [image.id]);
	const [again, text] = await Promise.all([send(alice, { imageId: image.id }), send(alice, { type: "TEXT", content: "hello" })]);
	expect(again.body.error).toMatchObject({ code: "IMAGE_NOT_READY", details: { reason: "ALREADY_SENT" } });
	expect(text.status).toBe(201);
});

test("a send that hangs for longer than its claim stores nothing: its image may be gone by then", async () => {
	const image = await uploadAndConfirm(alice, conversationId);
	const clientId = randomUUID();
	const claim = { imageId: image.id, conversationId, uploaderId: alice.id, clientId };
	const { claimedUntil, ...claimed } = await parley.calls.call("media.claim", claim);
	// Two minutes pass.
	await parley.sql("update images set claimed_at = claimed_at - interval '2 minutes' where id = $1", [image.id]);
	const ended = new Date(Date.parse(claimedUntil) - 120_000).toISOString();
	expect((await alice.fetch("DELETE", `/images/${image.id}`)).status).toBe(204);
	expect(await parley.sql("select status from images where id = $1", [image.id])).toEqual([{ status: "GONE" }]);

	const [answer] = await appendHere({ ...draftOf(image.id, clientId), image: claimed, claimedUntil: ended });
	expect((await page(bob)).items).toEqual([]);
	expect(answer).toMatchObject({ type: "UNAVAILABLE" });
	expect((await send(alice, { clientId, imageId: image.id })).status).toBe(404);
});

test("what was stored in time is found when it is sent again after its claim", async () => {
	const image = await uploadAndConfirm(alice, conversationId);
	const clientId = randomUUID();
	const { body } = await send(alice, { clientId, imageId: image.id });
	const [answer] = await appendHere({ ...draftOf(image.id, clientId), claimedUntil: new Date(0).toISOString() });
	expect(answer).toMatchObject({ created: false, message: { id: body.id } });
});

test("an image must be confirmed, of this conversation, and one's own", async () => {
	const pending = await upload(alice, conversationId, await picture().jpeg().toBuffer());
	const notYet = await send(alice, { imageId: pending });
	expect(notYet.status).toBe(409);
	expect(notYet.body.error).toMatchObject({ code: "IMAGE_NOT_READY", details: { reason: "NOT_CONFIRMED" } });
	await confirm(alice, conversationId, pending);
	expect((await send(bob, { imageId: pending })).status).toBe(404);
	expect((await send(alice, { imageId: randomUUID() })).status).toBe(404);

	const other = await parley.conversation();
	const elsewhere = await uploadAndConfirm(other.alice, other.id);
	expect((await send(alice, { imageId: elsewhere.id })).body.error.code).toBe("NOT_FOUND");
	expect((await send(alice, { imageId: pending })).status).toBe(201);
});

test.each([
	["imageId", { type: "IMAGE" }],
	["imageId", { type: "TEXT", content: "hello", imageId: randomUUID() }],
	["content", { type: "TEXT" }],
	["content", { type: "TEXT", content: "  " }],
	["content", { type: "IMAGE", imageId: randomUUID(), content: "x".repeat(5001) }],
	["type", { type: "SYSTEM", content: "hello" }],
])("a draft with a wrong %s is refused", async (path, draft) => {
	const { status, body } = await send(alice, draft);
	expect(status).toBe(400);
	expect(body.error.details).toMatchObject([{ path }]);
});

test("an image whose message was refused is free for another", async () => {
	const image = await uploadAndConfirm(alice, conversationId);
	await bob.fetch("PATCH", `/conversations/${conversationId}/archive`);
	expect((await send(alice, { imageId: image.id })).body.error.code).toBe("CONVERSATION_ARCHIVED");
	await alice.fetch("PATCH", `/conversations/${conversationId}/reopen`);
	expect((await send(alice, { imageId: image.id, replyToSeq: 7 })).body.error.code).toBe("VALIDATION_FAILED");
	expect((await send(alice, { imageId: image.id })).status).toBe(201);
});

test("a page of history asks neither the storage nor media", async () => {
	for (let i = 0; i < 3; i++) await send(alice, { imageId: (await uploadAndConfirm(alice, conversationId)).id });
	let requests = 0;
	parley.storage.before = () => void requests++;
	await parley.sql("alter table images rename to images_away");
	try {
		const { items } = await page(bob);
		expect(items.filter(({ image }: Answer["body"]) => image.originalUrl)).toHaveLength(3);
	} finally {
		await parley.sql("alter table images_away rename to images");
		parley.storage.before = () => {};
	}
	expect(requests).toBe(0);
});

test("a node that does not know the storage asks media for all URLs at once", async () => {
	const images = [await uploadAndConfirm(alice, conversationId), await uploadAndConfirm(alice, conversationId)];
	const claims = images.map(({ id: imageId }) => ({ imageId, conversationId, uploaderId: alice.id, clientId: randomUUID() }));
	const stored = await Promise.all(claims.map((claim) => parley.calls.call("media.claim", claim)));
	const signed = await createSignImages(parley.broker, undefined)(stored);
	expect(signed.map(lasting)).toEqual(images.map(lasting));
	for (const { originalUrl } of signed) await download(originalUrl);
});

function draftOf(imageId: string, clientId: string): Draft {
	const rest = { content: null, image: null, replyToSeq: null, metadata: {} };
	return { conversationId, senderId: alice.id, clientId, type: "IMAGE", imageId, ...rest };
}

async function appendHere(draft: Draft) {
	const db = new Database(parley.broker.config.databaseUrl, () => {});
	return append(db, createToMessages(createSignImages(parley.broker, undefined), parley.broker.logger), [draft]).finally(() =>
		db.close(),
	);
}

function send(who: Person, draft: object): Promise<Answer> {
	return who.fetch("POST", `/conversations/${conversationId}/messages`, { clientId: randomUUID(), type: "IMAGE", ...draft });
}

async function page(who: Person): Promise<Answer["body"]> {
	return (await who.fetch("GET", `/conversations/${conversationId}/messages`)).body;
}
