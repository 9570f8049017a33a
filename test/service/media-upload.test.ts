import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { thumbHashToRGBA } from "thumbhash";
import { confirm, download, lasting, picture, upload, uploadAndConfirm } from "../support/images.ts";
import { type Person, useMediaNode } from "../support/media-node.ts";

jest.setTimeout(30_000);

let conversationId: string;
let alice: Person;
let bob: Person;

const parley = useMediaNode();

beforeAll(async () => {
	({ id: conversationId, alice, bob } = await parley.conversation());
});

test("a client that has only the protocol uploads, confirms, and both participants download", async () => {
	const bytes = await picture(2000, 1500).jpeg().toBuffer();
	const image = await uploadAndConfirm(alice, conversationId, bytes);
	expect(image).toMatchObject({ mimeType: "image/jpeg", width: 2000, height: 1500 });
	const { body } = await bob.fetch("GET", `/images/${image.id}`);
	expect(lasting(body)).toEqual(lasting(image));

	const original = await download(body.originalUrl);
	expect(original.length).toBe(image.fileSizeBytes);
	expect(await shapeOf(original)).toEqual({ format: "jpeg", width: 2000, height: 1500 });
	expect(await shapeOf(await download(body.previewUrl))).toEqual({ format: "webp", width: 1280, height: 960 });
	expect(await shapeOf(await download(body.thumbnailUrl))).toEqual({ format: "webp", width: 320, height: 240 });
	const { w, h } = thumbHashToRGBA(Buffer.from(image.placeholder, "base64"));
	expect(w).toBeGreaterThan(h);
	expect(Date.parse(image.urlsExpireAt) - Date.now()).toBeLessThanOrEqual(15 * 60_000);
	expect((Date.parse(image.deleteAfter) - Date.now()) / 86_400_000).toBeCloseTo(90, 2);
});

test.each(["jpeg", "png", "webp"] as const)("%s keeps its format, and a small image its size", async (format) => {
	const bytes = await picture(60, 40).toFormat(format).toBuffer();
	const imageId = await upload(alice, conversationId, bytes, { mimeType: `image/${format}` });
	const { body } = await confirm(alice, conversationId, imageId);
	expect(body).toMatchObject({ mimeType: `image/${format}`, width: 60, height: 40 });
	expect(await shapeOf(await download(body.originalUrl))).toEqual({ format, width: 60, height: 40 });
	expect(await shapeOf(await download(body.thumbnailUrl))).toEqual({ format: "webp", width: 60, height: 40 });
	const response = await fetch(body.originalUrl);
	expect(response.headers.get("content-type")).toBe(`image/${format}`);
});

test("the content decides, not the declared type", async () => {
	const imageId = await upload(alice, conversationId, await picture().png().toBuffer(), { mimeType: "image/jpeg" });
	const { body } = await confirm(alice, conversationId, imageId);
	expect(body.mimeType).toBe("image/png");
});

test("all eight EXIF orientations come out upright, alike, and without metadata", async () => {
	const images = [];
	for (const n of [1, 2, 3, 4, 5, 6, 7, 8]) {
		const bytes = readFileSync(join("test/data/exif-orientation", `Landscape_${n}.jpg`));
		images.push(await uploadAndConfirm(alice, conversationId, bytes));
	}
	const reference = await greyThumbnail(await download(images[0].thumbnailUrl));
	for (const image of images) {
		expect({ width: image.width, height: image.height }).toEqual({ width: images[0].width, height: images[0].height });
		for (const url of [image.originalUrl, image.previewUrl, image.thumbnailUrl]) {
			const bytes = await download(url);
			await expectNoMetadata(bytes);
			expect(meanDifference(await greyThumbnail(bytes), reference)).toBeLessThan(4);
		}
	}
});

test("EXIF, GPS, XMP, colour profile, comments and trailing data are gone from every object", async () => {
	const tagged = await picture(400, 300)
		.withExif({ IFD0: { Artist: "Alice Secret" }, IFD3: { GPSLatitude: "48/1 12/1 0/1", GPSLatitudeRef: "N" } })
		.withXmp('<x:xmpmeta xmlns:x="adobe:ns:meta/"><secret>xmp-secret</secret></x:xmpmeta>')
		.withIccProfile("p3")
		.jpeg()
		.toBuffer();
	const comment = Buffer.from("comment-secret");
	const segment = Buffer.concat([Buffer.from([0xff, 0xfe, 0, comment.length + 2]), comment]);
	const bytes = Buffer.concat([tagged.subarray(0, 2), segment, tagged.subarray(2), Buffer.from("PK\x03\x04 trailing-secret")]);
	for (const secret of ["Alice Secret", "xmp-secret", "comment-secret", "trailing-secret"])
		expect(bytes.includes(secret)).toBe(true);
	expect((await sharp(bytes).metadata()).icc).toBeDefined();

	const image = await uploadAndConfirm(alice, conversationId, bytes);
	for (const url of [image.originalUrl, image.previewUrl, image.thumbnailUrl]) {
		const clean = await download(url);
		await expectNoMetadata(clean);
		expect(clean.includes("secret")).toBe(false);
		expect(clean.includes("Secret")).toBe(false);
	}
});

test("text chunks of a PNG are gone", async () => {
	const png = await picture().png().toBuffer();
	const text = Buffer.from("Comment\0png-secret");
	const chunk = Buffer.concat([length(text), Buffer.from("tEXt"), text, Buffer.alloc(4)]);
	// Its checksum is wrong, which readers forgive in a chunk that they may skip.
	const bytes = Buffer.concat([png.subarray(0, 33), chunk, png.subarray(33)]);
	const imageId = await upload(alice, conversationId, bytes, { mimeType: "image/png" });
	const { status, body } = await confirm(alice, conversationId, imageId);
	expect(status).toBe(200);
	expect((await download(body.originalUrl)).includes("png-secret")).toBe(false);
});

test("of an animation the first frame is kept", async () => {
	const frames = await Promise.all(["red", "blue"].map((background) => frame(background)));
	const bytes = await sharp(frames, { join: { animated: true } })
		.webp({ delay: [100, 100], lossless: true })
		.toBuffer();
	expect((await sharp(bytes).metadata()).pages).toBe(2);
	const imageId = await upload(alice, conversationId, bytes, { mimeType: "image/webp" });
	const { body } = await confirm(alice, conversationId, imageId);
	const original = await download(body.originalUrl);
	expect((await sharp(original).metadata()).pages).toBeUndefined();
	const { dominant } = await sharp(original).stats();
	expect(dominant.r).toBeGreaterThan(200);
});

test("confirming twice, and ten times at once, gives one answer", async () => {
	const imageId = await upload(alice, conversationId, await picture().jpeg().toBuffer());
	const answers = await Promise.all(Array.from({ length: 10 }, () => confirm(alice, conversationId, imageId)));
	const again = await confirm(alice, conversationId, imageId);
	for (const { status, body } of [again, ...answers]) {
		expect(status).toBe(200);
		expect(lasting(body)).toEqual(lasting(again.body));
	}
});

test("when too many wait to be confirmed, the next is told to come again, and can", async () => {
	const bytes = await picture().jpeg().toBuffer();
	const ids = await Promise.all(Array.from({ length: 25 }, () => upload(alice, conversationId, bytes)));
	const { promise: opened, resolve: open } = Promise.withResolvers<void>();
	parley.storage.before = ({ method }) => (method === "GET" ? opened : undefined);
	const answers = ids.map((id) => confirm(alice, conversationId, id));
	const first = await Promise.race(answers);
	expect(first).toMatchObject({ status: 503, body: { error: { code: "UNAVAILABLE" } } });
	open();
	parley.storage.before = () => {};
	const statuses = (await Promise.all(answers)).map(({ status }) => status);
	expect(statuses.filter((status) => status === 200)).toHaveLength(21);
	expect(statuses.filter((status) => status === 503)).toHaveLength(4);
	const again = await Promise.all(ids.slice(0, 5).map((id) => confirm(alice, conversationId, id)));
	expect(again.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
});

test("only what was declared may be uploaded, and only by its URL", async () => {
	const bytes = await picture().jpeg().toBuffer();
	const { body } = await requestUpload(alice, { sizeBytes: bytes.length });
	const put = (data: Buffer, type = "image/jpeg", url = body.uploadUrl) =>
		fetch(url, { method: "PUT", headers: { "Content-Type": type }, body: new Uint8Array(data) }).then(({ status }) => status);
	expect(await put(Buffer.concat([bytes, bytes]))).toBe(403);
	expect(await put(bytes.subarray(1))).toBe(403);
	expect(await put(bytes, "text/html")).toBe(403);
	expect(await put(bytes, "image/jpeg", body.uploadUrl.replace("uploads/", "images/"))).toBe(403);
	expect(await put(bytes)).toBe(200);
	expect((await fetch(body.uploadUrl)).status).toBe(403);
});

test.each([
	["filename", { filename: "" }],
	["mimeType", { mimeType: "image/gif" }],
	["mimeType", { mimeType: "image/svg+xml" }],
	["sizeBytes", { sizeBytes: 0 }],
	["sizeBytes", { sizeBytes: 5 * 1024 * 1024 + 1 }],
])("a request with a bad %s is refused", async (path, wrong) => {
	const { status, body } = await requestUpload(alice, wrong);
	expect(status).toBe(400);
	expect(body.error).toMatchObject({ code: "VALIDATION_FAILED", details: [{ path }] });
});

test("nobody else's image, and none of another conversation, is there for anybody", async () => {
	const stranger = await parley.person();
	const other = await parley.conversation();
	const image = await uploadAndConfirm(alice, conversationId);
	const imageId = await upload(alice, conversationId, await picture().jpeg().toBuffer());
	const answers = await Promise.all([
		requestUpload(stranger, {}),
		stranger.fetch("GET", `/images/${image.id}`),
		stranger.fetch("DELETE", `/images/${image.id}`),
		bob.fetch("DELETE", `/images/${image.id}`),
		confirm(bob, conversationId, imageId),
		confirm(stranger, conversationId, imageId),
		confirm(other.alice, other.id, imageId),
		alice.fetch("GET", `/images/${randomUUID()}`),
		alice.fetch("GET", "/images/nonsense"),
		confirm(alice, conversationId, randomUUID()),
	]);
	for (const { status, body } of answers) {
		expect(status).toBe(404);
		expect(body.error.code).toBe("NOT_FOUND");
	}
	expect((await alice.fetch("GET", `/images/${imageId}`)).body.error).toMatchObject({ code: "IMAGE_NOT_READY" });
});

test("without a signature the storage shows nothing", async () => {
	const image = await uploadAndConfirm(alice, conversationId);
	const { origin, pathname } = new URL(image.originalUrl);
	expect((await fetch(origin + pathname)).status).toBe(403);
	expect((await fetch(`${origin}/parley?list-type=2`)).status).toBe(403);
	expect((await fetch(image.originalUrl.replace(/original\?/, "preview?"))).status).toBe(403);
});

function requestUpload(who: Person, wanted: object) {
	return who.fetch("POST", `/conversations/${conversationId}/messages/images/upload-url`, {
		filename: "a.jpg",
		mimeType: "image/jpeg",
		sizeBytes: 1000,
		...wanted,
	});
}

async function shapeOf(bytes: Buffer) {
	const { format, width, height } = await sharp(bytes).metadata();
	return { format, width, height };
}

async function expectNoMetadata(bytes: Buffer): Promise<void> {
	const { exif, icc, iptc, xmp, xmpAsString, orientation, comments } = await sharp(bytes).metadata();
	expect({ exif, icc, iptc, xmp, xmpAsString, orientation, comments }).toEqual({});
	for (const trace of ["Exif", "http://ns.adobe.com", "ICC_PROFILE", "Photoshop", "ICCP", "XMP "]) {
		expect(bytes.includes(trace)).toBe(false);
	}
}

async function greyThumbnail(bytes: Buffer): Promise<Buffer> {
	return sharp(bytes).resize(32, 32, { fit: "fill" }).greyscale().raw().toBuffer();
}

function meanDifference(a: Buffer, b: Buffer): number {
	return a.reduce((sum, value, i) => sum + Math.abs(value - (b[i] ?? 0)), 0) / a.length;
}

function frame(background: string): Promise<Buffer> {
	return sharp({ create: { width: 32, height: 32, channels: 3, background } })
		.png()
		.toBuffer();
}

function length(data: Buffer): Buffer {
	const bytes = Buffer.alloc(4);
	bytes.writeUInt32BE(data.length);
	return bytes;
}
