import { newId } from "../../lib/ids.ts";
import type { WithModel } from "../../mixins/crud.ts";
import type { Storage } from "../../mixins/storage.ts";
import type { Params, Result } from "../contracts.ts";
import type { ImageRow } from "./image.model.ts";
import { newKeys } from "./object-keys.ts";

const uploadTtlSeconds = 600;

/** Makes the row of an image and a URL to upload it to. The keys of its renditions are chosen now too. */
export async function requestUpload(
	{ model }: WithModel<ImageRow>,
	storage: Storage,
	keyPrefix: string,
	uploaderId: string,
	{ conversationId, filename, mimeType, sizeBytes }: Params<"media.requestUpload">,
): Promise<Result<"media.requestUpload">> {
	const id = newId();
	const keys = newKeys(keyPrefix, id);
	const { url: uploadUrl, expiresAt } = await storage.presignUpload(keys.upload, { mimeType, sizeBytes }, uploadTtlSeconds);
	await model.create({
		id,
		conversationId,
		uploaderId,
		status: "PENDING",
		originalFilename: filename,
		mimeType,
		fileSizeBytes: sizeBytes,
		uploadKey: keys.upload,
		storageKey: keys.original,
		previewKey: keys.preview,
		thumbnailKey: keys.thumbnail,
	});
	return { imageId: id, uploadUrl, method: "PUT", headers: { "Content-Type": mimeType }, expiresAt: expiresAt.toISOString() };
}
