import { randomBytes, randomUUID } from "node:crypto";
import { Storage } from "../../mixins/storage.ts";
import { confirm, download, picture, upload, uploadAndConfirm } from "../support/images.ts";
import { useMediaNode } from "../support/media-node.ts";
import { store } from "../support/store.ts";

jest.setTimeout(30_000);

let storage: Storage;

// Above the node, so that this is closed before it stops.
afterAll(() => storage.close());

const parley = useMediaNode({ S3_PREFIX: "chat/eu" });

beforeAll(() => {
	storage = new Storage({ ...parley.broker.config.s3, bucket: "parley" });
});

test("the clean-up deletes nothing of others, wherever in the bucket it is and however old", async () => {
	const [id, secret] = [randomUUID(), randomBytes(16).toString("hex")];
	const foreign = [
		"uploads/reports/2024/annual.pdf",
		`uploads/${id}/${secret}`,
		"images/logo.png",
		"chat/uploads/reports/annual.pdf",
		"chat/eu/uploads/reports/annual.pdf",
		`chat/eu/uploads/${id}/notes.txt`,
		`chat/eu/uploads/${id}/${secret}.bak`,
		`chat/eu/uploads/${id}/${secret}/more`,
		`chat/europe/uploads/${id}/${secret}`,
	];
	const ours = `chat/eu/uploads/${randomUUID()}/${secret}`;
	for (const key of [...foreign, ours]) await store(storage, key, Buffer.from("a file"));
	await parley.bucket.age("", 48);
	await parley.calls.call("media.cleanUp", {});
	const left = await parley.bucket.keys("");
	expect(left.toSorted()).toEqual(foreign.toSorted());
	const { objectsWithoutRow } = await parley.calls.call("media.reconcile", { minAgeMinutes: 0 });
	expect(objectsWithoutRow).toEqual([]);
	await storage.delete(foreign);
});

test("everything that is stored is under the prefix", async () => {
	const { id, alice } = await parley.conversation();
	const image = await uploadAndConfirm(alice, id);
	const pending = await upload(alice, id, await picture().jpeg().toBuffer());
	const keys = [...(await parley.bucket.keys(image.id)), ...(await parley.bucket.keys(pending))];
	expect(keys).toHaveLength(4);
	expect(keys.filter((key) => !key.startsWith("chat/eu/"))).toEqual([]);
	await alice.fetch("DELETE", `/images/${pending}`);
});

test("images whose keys were chosen under another prefix are shown, checked and deleted by these keys", async () => {
	const { id, alice } = await parley.conversation();
	const [image, broken] = [await uploadAndConfirm(alice, id), await uploadAndConfirm(alice, id)];
	for (const { id: imageId } of [image, broken]) await moveAway(imageId);
	await storage.delete([`images/${broken.id}/preview`]);
	const { body } = await alice.fetch("GET", `/images/${image.id}`);
	expect(new URL(body.originalUrl).pathname).toBe(`/parley/images/${image.id}/original`);
	await download(body.originalUrl);
	expect(await parley.calls.call("media.reconcile", { minAgeMinutes: 0 })).toEqual({
		objectsWithoutRow: [],
		rowsWithoutObject: [broken.id],
	});
	for (const { id: imageId } of [image, broken]) {
		expect((await alice.fetch("DELETE", `/images/${imageId}`)).status).toBe(204);
		expect(await parley.bucket.keys(imageId)).toEqual([]);
	}
});

test("an upload that was asked for before the prefix changed is confirmed under its own keys", async () => {
	const { id, alice } = await parley.conversation();
	const imageId = await upload(alice, id, await picture().jpeg().toBuffer());
	await moveAway(imageId);
	expect((await confirm(alice, id, imageId)).status).toBe(200);
	expect(await parley.bucket.keys(imageId)).toEqual(
		["original", "preview", "thumbnail"].map((what) => `images/${imageId}/${what}`),
	);
});

/** To the keys of a release that had no prefix. */
async function moveAway(imageId: string): Promise<void> {
	for (const key of await parley.bucket.keys(imageId)) {
		const kind = key.split("/").at(-1) ?? "";
		const isUpload = key.includes("uploads/");
		const bytes = await download(await storage.presign("GET", key, 60));
		await store(storage, isUpload ? `uploads/${imageId}/raw` : `images/${imageId}/${kind}`, bytes);
		await storage.delete([key]);
	}
	await parley.sql(
		`update images set upload_key = 'uploads/' || id || '/raw', storage_key = 'images/' || id || '/original',
			preview_key = 'images/' || id || '/preview', thumbnail_key = 'images/' || id || '/thumbnail' where id = $1`,
		[imageId],
	);
}
