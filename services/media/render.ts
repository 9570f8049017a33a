import sharp, { type OutputInfo, type Sharp } from "sharp";
import { rgbaToThumbHash } from "thumbhash";
import { scansOf } from "./jpeg-scans.ts";
import type { ImageType, RejectionReason } from "./media.contract.ts";

/** What clients may download of an image, all upright and without metadata. */
export interface Renditions {
	mimeType: ImageType;
	/** Of the original, in pixels. */
	width: number;
	height: number;
	/** In its own format. */
	original: Buffer;
	/** WebP. */
	preview: Buffer;
	thumbnail: Buffer;
	/** ThumbHash in base64. */
	placeholder: string;
}

/** Enough for a 48-megapixel camera; four bytes each must fit into memory. */
const maxPixels = 50_000_000;

/** What WebP can have, and so every rendition. Rows or columns beyond it cost far more than their pixels. */
const maxSide = 16_383;

/** Cameras and encoders make about ten. */
const maxScans = 100;

const previewPixels = 1280;
const thumbnailPixels = 320;
const thumbHashPixels = 100;

/**
 * Decodes an image to its last pixel and encodes it anew: only pixels survive, in sRGB; of an animation, its first frame.
 * Everything else (EXIF, GPS, XMP, colour profiles, comments, what follows the image's end) is left behind.
 */
export async function render(bytes: Buffer): Promise<Renditions | { rejected: RejectionReason }> {
	const mimeType = typeOf(bytes);
	if (!mimeType) return { rejected: "WRONG_TYPE" };
	const size = await sizeOf(bytes);
	if (!size) return { rejected: "CORRUPT" };
	if (size.width * size.height > maxPixels || Math.max(size.width, size.height) > maxSide) return { rejected: "TOO_MANY_PIXELS" };
	if (mimeType === "image/jpeg" && scansOf(bytes) > maxScans) return { rejected: "TOO_COSTLY" };
	try {
		// Only this pass is sure to see every pixel: a smaller rendition of a JPEG is decoded at a fraction of its size.
		const { data: original, info } = await encode(decode(bytes), mimeType).toBuffer({ resolveWithObject: true });
		return { mimeType, width: info.width, height: info.height, original, ...(await smaller(bytes)) };
	} catch {
		return { rejected: "CORRUPT" };
	}
}

/** By the first bytes. */
export function typeOf(bytes: Buffer): ImageType | undefined {
	if (bytes.subarray(0, 3).equals(Buffer.from("ffd8ff", "hex"))) return "image/jpeg";
	if (bytes.subarray(0, 8).equals(Buffer.from("89504e470d0a1a0a", "hex"))) return "image/png";
	if (bytes.toString("latin1", 0, 4) === "RIFF" && bytes.toString("latin1", 8, 12) === "WEBP") return "image/webp";
	return undefined;
}

/** As its header says; undefined where it says nothing sensible. */
async function sizeOf(bytes: Buffer): Promise<{ width: number; height: number } | undefined> {
	try {
		const { width, height } = await sharp(bytes, { limitInputPixels: false }).metadata();
		return { width, height };
	} catch {
		return undefined;
	}
}

/** sharp keeps no metadata unless it is asked to. */
function decode(bytes: Buffer) {
	return sharp(bytes, { failOn: "error", limitInputPixels: maxPixels, sequentialRead: true }).autoOrient();
}

function encode(image: Sharp, mimeType: ImageType): Sharp {
	switch (mimeType) {
		case "image/jpeg":
			// Tables of its own would save 3 % and double the time.
			return image.jpeg({ quality: 90, optimiseCoding: false });
		case "image/png":
			return image.png({ compressionLevel: 6 });
		case "image/webp":
			return image.webp({ quality: 90, effort: 2 });
		default:
			return mimeType satisfies never;
	}
}

/** Each is made of the one before, so that the large image is decoded for the first alone. */
async function smaller(bytes: Buffer): Promise<Pick<Renditions, "preview" | "thumbnail" | "placeholder">> {
	const preview = await shrink(decode(bytes), previewPixels);
	const thumbnail = await shrink(sharp(preview.data, { raw: preview.info }), thumbnailPixels);
	const tiny = await shrink(sharp(thumbnail.data, { raw: thumbnail.info }).toColourspace("srgb").ensureAlpha(), thumbHashPixels);
	return {
		preview: await sharp(preview.data, { raw: preview.info }).webp({ quality: 80, effort: 0 }).toBuffer(),
		thumbnail: await sharp(thumbnail.data, { raw: thumbnail.info }).webp({ quality: 80, effort: 0 }).toBuffer(),
		placeholder: Buffer.from(rgbaToThumbHash(tiny.info.width, tiny.info.height, tiny.data)).toString("base64"),
	};
}

function shrink(image: Sharp, pixels: number): Promise<{ data: Buffer; info: OutputInfo }> {
	const box = image.resize(pixels, pixels, { fit: "inside", withoutEnlargement: true });
	return box.raw({ depth: "uchar" }).toBuffer({ resolveWithObject: true });
}
