import { randomUUID } from "node:crypto";
import { RestClient } from "../../../client/rest.ts";
import type { Image, Message, Page, SyncAnswer, Upload } from "../../../client/types.ts";
import type { TargetOf } from "../../../testing/target.ts";
import { until } from "../../../testing/until.ts";
import { picture } from "../../support/images.ts";
import { type Answer, request } from "./caller.ts";
import { closeDevices } from "./device.ts";
import { aConversation, historyOf, type Person } from "./people.ts";

export function describeImages(target: TargetOf): void {
	afterEach(closeDevices);

	describe("an image", () => {
		it("goes straight to the storage, and is seen by both participants under URLs that are theirs alone", async () => {
			const { alice, bob, id } = await aConversation(target());
			const [hers, his] = [await alice.device(), await bob.device()];
			const image = await uploadedBy(alice, id);
			expect(image).toMatchObject({ mimeType: "image/jpeg", width: 64, height: 48 });
			const { status, body: message } = await sendImage(alice, id, image, "Our kitchen");
			expect(status).toBe(201);
			expect(message).toMatchObject({ type: "IMAGE", content: "Our kitchen", image: { id: image.id } });
			await until(() => his.heard("message_received").length > 0 && hers.heard("message_sent").length > 0);
			const [received] = his.heard("message_received");
			const [listed] = await historyOf(bob, id);
			const { result: asked } = await his.call<Image>("media.get", { imageId: image.id });
			for (const shown of [received?.message.image, listed?.image, asked, await bob.get<Image>(`/images/${image.id}`)]) {
				if (!shown) throw new Error("an image is not shown");
				for (const url of [shown.originalUrl, shown.previewUrl, shown.thumbnailUrl]) {
					expect((await request(url)).status).toBe(200);
					expect((await request(unsigned(url))).status).toBe(403);
				}
			}
		});

		it("that its uploader deletes goes from its message: by REST, live, and by sync, however old the cursor", async () => {
			const { alice, bob, id } = await aConversation(target());
			const image = await uploadedBy(alice, id);
			const { body: message } = await sendImage(alice, id, image, "Our kitchen");
			await alice.write(id, "It was renovated.");
			const nextSince = await until(async () => {
				const { nextSince: since } = await bob.get<SyncAnswer>("/sync");
				return (await syncOf(bob, since)).conversations.length === 0 ? since : undefined;
			});
			const his = await bob.device();
			expect((await alice.ask("DELETE", `/images/${image.id}`)).status).toBe(204);

			await until(() => his.heard("conversation_updated").some(({ conversation }) => conversation.id === id));
			expect((await historyOf(bob, id))[0]).toMatchObject({ id: message.id, type: "IMAGE", content: "Our kitchen", image: null });
			const { conversations } = await syncOf(bob, nextSince);
			expect(conversations).toMatchObject([{ id, messages: [{ id: message.id, image: null }] }]);
			const { items } = await bob.get<Page<{ message: Message }>>("/messages/search?q=has:image");
			expect(items).toMatchObject([{ message: { id: message.id, image: null } }]);
			expect((await bob.ask("GET", `/images/${image.id}`)).status).toBe(404);
			for (const url of [image.originalUrl, image.previewUrl, image.thumbnailUrl]) {
				expect((await request(url)).status).toBe(404);
			}
		});

		it("is its uploader's: the other participant can neither send nor delete it", async () => {
			const { alice, bob, id } = await aConversation(target());
			const image = await uploadedBy(alice, id);
			expect(await sendImage(bob, id, image)).toMatchObject({ status: 404, code: "NOT_FOUND" });
			expect(await bob.ask("DELETE", `/images/${image.id}`)).toMatchObject({ status: 404, code: "NOT_FOUND" });
			expect(await sendImage(alice, id, image)).toMatchObject({ status: 201, body: { content: null } });
			expect(await sendImage(alice, id, image)).toMatchObject({ status: 409, code: "IMAGE_NOT_READY" });
		});

		it("that is none is rejected, whatever it is called", async () => {
			const { alice, id } = await aConversation(target());
			const { imageId } = await put(alice, id, Buffer.from("<html><script>alert(1)</script></html>"));
			const answer = await confirm(alice, id, imageId);
			expect(answer).toMatchObject({
				status: 422,
				code: "IMAGE_REJECTED",
				body: { error: { details: { reason: "WRONG_TYPE" } } },
			});
			expect((await alice.ask("GET", `/images/${imageId}`)).status).toBe(404);
		});

		it("is uploaded, looked at and deleted by the typed client", async () => {
			const { alice, id } = await aConversation(target());
			const client = new RestClient({ baseUrl: [alice.baseUrl], token: alice.token });
			const bytes = await picture(40, 30).png().toBuffer();
			const image = await client.uploadImage(id, new Blob([new Uint8Array(bytes)], { type: "image/png" }));
			expect(image).toMatchObject({ mimeType: "image/png", width: 40, height: 30 });
			const sent = await client.sendMessage(id, { clientId: randomUUID(), type: "IMAGE", imageId: image.id });
			expect(sent.image).toMatchObject({ id: image.id, placeholder: image.placeholder });
			expect(await client.getImage(image.id)).toMatchObject({ id: image.id, deleteAfter: image.deleteAfter });
			await client.deleteImage(image.id);
			await expect(client.getImage(image.id)).rejects.toMatchObject({ code: "NOT_FOUND" });
		});
	});
}

/** Asks where to, and puts the bytes there with nothing but fetch. */
async function put(person: Person, conversationId: string, bytes: Buffer): Promise<Upload> {
	const wanted = { filename: "photo.jpg", mimeType: "image/jpeg", sizeBytes: bytes.length };
	const upload = await person.post<Upload>(`/conversations/${conversationId}/messages/images/upload-url`, wanted);
	const { uploadUrl, method, headers } = upload;
	expect((await request(uploadUrl, { method, headers, body: new Uint8Array(bytes) })).status).toBe(200);
	return upload;
}

function confirm(person: Person, conversationId: string, imageId: string): Promise<Answer<Image>> {
	return person.ask("POST", `/conversations/${conversationId}/messages/images/confirm`, { imageId });
}

async function uploadedBy(person: Person, conversationId: string): Promise<Image> {
	const { imageId } = await put(person, conversationId, await picture().jpeg().toBuffer());
	const { status, body } = await confirm(person, conversationId, imageId);
	expect(status).toBe(200);
	return body;
}

function sendImage(person: Person, conversationId: string, { id: imageId }: Image, content?: string): Promise<Answer<Message>> {
	return person.send(conversationId, { clientId: randomUUID(), type: "IMAGE", imageId, ...(content && { content }) });
}

function syncOf(person: Person, since: string): Promise<SyncAnswer> {
	return person.get(`/sync?since=${encodeURIComponent(since)}`);
}

function unsigned(url: string): string {
	const { origin, pathname } = new URL(url);
	return origin + pathname;
}
