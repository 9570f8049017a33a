import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { png } from "../support/hostile-images.ts";
import { confirm, picture, upload } from "../support/images.ts";
import { type MediaNode, type Person, startMediaNode } from "../support/media-node.ts";

const eicar = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";

jest.setTimeout(30_000);

let scripts: string;
let parley: MediaNode;
let conversationId: string;
let alice: Person;

beforeAll(async () => {
	scripts = mkdtempSync(join(tmpdir(), "parley-scanner-"));
	const scanner = join(scripts, "scanner.sh");
	writeFileSync(scanner, `content=$(tr -d '\\0'); case "$content" in *EICAR*) exit 1;; *SCANNER-FAILS*) exit 2;; esac; exit 0\n`);
	parley = await startMediaNode({ MEDIA_SCAN_COMMAND: `/bin/sh ${scanner}` });
	({ id: conversationId, alice } = await parley.conversation());
});
afterAll(async () => {
	await parley.stop();
	rmSync(scripts, { recursive: true });
});

const jpeg = () => picture(200, 100).jpeg().toBuffer();
const bomb = (width: number, height: number) => sharp({ create: { width, height, channels: 3, background: "red" } });

test.each<[string, string, () => Promise<Buffer> | Buffer]>([
	["a 30,000 × 30,000 pixel bomb", "TOO_MANY_PIXELS", () => png(30_000, 30_000)],
	["a bomb that lies about nothing but its size", "TOO_MANY_PIXELS", () => bomb(8000, 7000).png().toBuffer()],
	["a truncated JPEG", "CORRUPT", async () => (await jpeg()).subarray(0, -300)],
	["a truncated PNG", "CORRUPT", async () => (await picture(200, 100).png().toBuffer()).subarray(0, -300)],
	["a truncated WebP", "CORRUPT", async () => (await picture(200, 100).webp().toBuffer()).subarray(0, -30)],
	["only the first bytes of a JPEG", "CORRUPT", () => Buffer.from("ffd8ffe0", "hex")],
	["a GIF", "WRONG_TYPE", () => picture().gif().toBuffer()],
	["a TIFF", "WRONG_TYPE", () => picture().tiff().toBuffer()],
	["an AVIF", "WRONG_TYPE", () => picture().avif().toBuffer()],
	["an SVG", "WRONG_TYPE", () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')],
	["an HTML file", "WRONG_TYPE", () => Buffer.from("<!doctype html><script>alert(1)</script>")],
	["a polyglot that begins as something else", "WRONG_TYPE", async () => Buffer.concat([Buffer.from("<script>"), await jpeg()])],
	["an SVG behind the first bytes of a JPEG", "CORRUPT", () => Buffer.from("\xff\xd8\xff<svg xmlns='…'></svg>", "latin1")],
	["what the scanner calls infected", "INFECTED", async () => Buffer.concat([await jpeg(), Buffer.from(eicar)])],
])("%s named .jpg is %s, and nothing of it is left", async (_what, reason, make) => {
	const bytes = await make();
	const imageId = await upload(alice, conversationId, bytes);
	await expectRejection(imageId, reason);
});

test("a confirmation without an upload is refused for good", async () => {
	const { body } = await requestUpload(500);
	await expectRejection(body.imageId, "NOT_UPLOADED");
});

test("another size than declared is refused, should a storage ever let it through", async () => {
	const bytes = await jpeg();
	const imageId = await upload(alice, conversationId, bytes);
	await parley.sql("update images set file_size_bytes = file_size_bytes - 1 where id = $1", [imageId]);
	await expectRejection(imageId, "SIZE_MISMATCH");
});

test("a failing scanner is no verdict: the image waits", async () => {
	const imageId = await upload(alice, conversationId, Buffer.concat([await jpeg(), Buffer.from("SCANNER-FAILS")]));
	const { status, body } = await confirm(alice, conversationId, imageId);
	expect({ status, code: body.error.code }).toEqual({ status: 503, code: "UNAVAILABLE" });
	const [row] = await parley.sql<{ status: string }>("select status from images where id = $1", [imageId]);
	expect(row?.status).toBe("PENDING");
});

test("what comes late to the URL of a rejected image is swept away after a day", async () => {
	const { body } = await requestUpload(4);
	const put = () => fetch(body.uploadUrl, { method: "PUT", headers: body.headers, body: "html" });
	await put();
	await expectRejection(body.imageId, "WRONG_TYPE");
	expect((await put()).status).toBe(200);
	await parley.calls.call("media.cleanUp", {});
	expect(await parley.bucket.keys(body.imageId)).toHaveLength(1);
	await parley.bucket.age(body.imageId, 25);
	const { objectsWithoutRow } = await parley.calls.call("media.reconcile", {});
	expect(objectsWithoutRow).toEqual(await parley.bucket.keys(body.imageId));
	await parley.calls.call("media.cleanUp", {});
	expect(await parley.bucket.keys(body.imageId)).toEqual([]);
});

async function expectRejection(imageId: string, reason: string): Promise<void> {
	const { status, body } = await confirm(alice, conversationId, imageId);
	expect(body.error).toMatchObject({ code: "IMAGE_REJECTED", details: { reason } });
	expect(status).toBe(422);
	expect((await confirm(alice, conversationId, imageId)).status).toBe(404);
	expect(await parley.sql("select from images where id = $1", [imageId])).toEqual([]);
	expect(await parley.bucket.keys(imageId)).toEqual([]);
}

function requestUpload(sizeBytes: number) {
	const wanted = { filename: "photo.jpg", mimeType: "image/jpeg", sizeBytes };
	return alice.fetch("POST", `/conversations/${conversationId}/messages/images/upload-url`, wanted);
}
