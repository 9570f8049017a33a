import sharp, { type Sharp } from "sharp";
import type { Answer, Person } from "./media-node.ts";

/** A picture with something in it: a gradient, so that its corners differ. */
export function picture(width = 64, height = 48): Sharp {
	const pixels = Buffer.alloc(width * height * 3);
	for (let y = 0; y < height; y++) {
		for (let x = 0; x < width; x++) pixels.set([(255 * x) / width, (255 * y) / height, 128], (y * width + x) * 3);
	}
	return sharp(pixels, { raw: { width, height, channels: 3 } });
}

/** What a client does that has only the protocol: asks where to upload, and PUTs. The id of the image. */
export async function upload(
	who: Person,
	conversationId: string,
	bytes: Buffer,
	{ mimeType = "image/jpeg", filename = "photo.jpg" } = {},
): Promise<string> {
	const { status, body } = await who.fetch("POST", `/conversations/${conversationId}/messages/images/upload-url`, {
		filename,
		mimeType,
		sizeBytes: bytes.length,
	});
	expect(status).toBe(201);
	const { uploadUrl, method, headers, imageId } = body;
	const put = await fetch(uploadUrl, { method, headers, body: new Uint8Array(bytes) });
	expect(put.status).toBe(200);
	return imageId;
}

export function confirm(who: Person, conversationId: string, imageId: string): Promise<Answer> {
	return who.fetch("POST", `/conversations/${conversationId}/messages/images/confirm`, { imageId });
}

/** Uploads and confirms; the Image. */
export async function uploadAndConfirm(who: Person, conversationId: string, bytes?: Buffer): Promise<Answer["body"]> {
	const imageId = await upload(who, conversationId, bytes ?? (await picture().jpeg().toBuffer()));
	const { status, body } = await confirm(who, conversationId, imageId);
	expect(status).toBe(200);
	return body;
}

/** An image without its URLs, which are others every few minutes. */
export function lasting({ originalUrl, previewUrl, thumbnailUrl, urlsExpireAt, ...image }: Answer["body"]) {
	expect([originalUrl, previewUrl, thumbnailUrl].every((url) => URL.canParse(url))).toBe(true);
	expect(Date.parse(urlsExpireAt)).toBeGreaterThan(Date.now());
	return image;
}

export async function download(url: string): Promise<Buffer> {
	const response = await fetch(url);
	expect(response.status).toBe(200);
	return Buffer.from(await response.arrayBuffer());
}
