import sharp, { type OutputInfo, type Sharp } from "sharp";
import { rgbaToThumbHash } from "thumbhash";
import { scansOf } from "./jpeg-scans.ts";
import type { ImageType, RejectionReason } from "./media.contract.ts";

/** The renditions of an image that clients may download. All are upright and have no metadata. */
export interface Renditions {
	mimeType: ImageType;
	/** Of the original, in pixels. */
	width: number;
	height: number;
	/** In the format of the upload. */
	original: Buffer;
	/** WebP. */
	preview: Buffer;
	thumbnail: Buffer;
	/** ThumbHash in base64. */
	placeholder: string;
}

/** Enough for a camera with 48 megapixels. Each pixel takes four bytes of memory. */
const maxPixels = 50_000_000;

/** The limit of WebP, the format of previews. A longer side costs far more time and memory than its pixels. */
const maxSide = 16_383;

/** Cameras and encoders make about ten scans. */
const maxScans = 100;

const previewPixels = 1280;
const thumbnailPixels = 320;
const thumbHashPixels = 100;

/**
 * Decodes all pixels of an image and encodes them again. The result has only the pixels, in sRGB, of an animation the first frame.
 * Everything else is removed: EXIF, GPS, XMP, colour profiles, comments, and bytes after the end of the image.
 */
export async function render(bytes: Buffer): Promise<Renditions | { rejected: RejectionReason }> {
	const mimeType = typeOf(bytes);
	if (!mimeType) return { rejected: "WRONG_TYPE" };
	const size = await sizeOf(bytes);
	if (!size) return { rejected: "CORRUPT" };
	if (size.width * size.height > maxPixels || Math.max(size.width, size.height) > maxSide) return { rejected: "TOO_MANY_PIXELS" };
	if (mimeType === "image/jpeg" && scansOf(bytes) > maxScans) return { rejected: "TOO_COSTLY" };
	try {
		// Only this pass decodes every pixel and so finds all damage. For a smaller rendition, a JPEG is decoded at a reduced size.
		const { data: original, info } = await encode(decode(bytes), mimeType).toBuffer({ resolveWithObject: true });
		return { mimeType, width: info.width, height: info.height, original, ...(await smaller(bytes)) };
	} catch {
		return { rejected: "CORRUPT" };
	}
}

/** From the first bytes. */
export function typeOf(bytes: Buffer): ImageType | undefined {
	if (bytes.subarray(0, 3).equals(Buffer.from("ffd8ff", "hex"))) return "image/jpeg";
	if (bytes.subarray(0, 8).equals(Buffer.from("89504e470d0a1a0a", "hex"))) return "image/png";
	if (bytes.toString("latin1", 0, 4) === "RIFF" && bytes.toString("latin1", 8, 12) === "WEBP") return "image/webp";
	return undefined;
}

/** From the header. Undefined when it cannot be read. */
async function sizeOf(bytes: Buffer): Promise<{ width: number; height: number } | undefined> {
	try {
		const { width, height } = await sharp(bytes, { limitInputPixels: false }).metadata();
		return { width, height };
	} catch {
		return undefined;
	}
}

/** sharp removes metadata by default. */
function decode(bytes: Buffer) {
	return sharp(bytes, { failOn: "error", limitInputPixels: maxPixels, sequentialRead: true }).autoOrient();
}

function encode(image: Sharp, mimeType: ImageType): Sharp {
	switch (mimeType) {
		case "image/jpeg":
			// Optimised Huffman tables would save 3 % of the size and double the time.
			return image.jpeg({ quality: 90, optimiseCoding: false });
		case "image/png":
			return image.png({ compressionLevel: 6 });
		case "image/webp":
			return image.webp({ quality: 90, effort: 2 });
		default:
			return mimeType satisfies never;
	}
}

/** Each rendition is made from the one before, so the large image is decoded only once here. */
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
