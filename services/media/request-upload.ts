import { randomBytes } from "node:crypto";
import { v7 as uuidv7 } from "uuid";
import type { Params, Result } from "../../lib/contracts.ts";
import type { WithModel } from "../../mixins/crud.ts";
import type { Storage } from "../../mixins/storage.ts";
import type { ImageRow } from "./image.model.ts";

const uploadTtlSeconds = 600;

/** Where the client may put its image. The keys of all that will come of it are chosen now. */
export async function requestUpload(
	{ model }: WithModel<ImageRow>,
	storage: Storage,
	uploaderId: string,
	{ conversationId, filename, mimeType, sizeBytes }: Params<"media.requestUpload">,
): Promise<Result<"media.requestUpload">> {
	const id = uuidv7();
	const uploadKey = `uploads/${id}/${secret()}`;
	const folder = `images/${id}/${secret()}`;
	const expiresAt = new Date(Date.now() + uploadTtlSeconds * 1000).toISOString();
	const uploadUrl = await storage.presignUpload(uploadKey, { mimeType, sizeBytes }, uploadTtlSeconds);
	await model.create({
		id,
		conversationId,
		uploaderId,
		status: "PENDING",
		originalFilename: filename,
		mimeType,
		fileSizeBytes: sizeBytes,
		uploadKey,
		storageKey: `${folder}/original`,
		previewKey: `${folder}/preview`,
		thumbnailKey: `${folder}/thumbnail`,
	});
	return { imageId: id, uploadUrl, method: "PUT", headers: { "Content-Type": mimeType }, expiresAt };
}

/** Ids are known to others; keys are not to be guessed even by whoever may list nothing but read everything. */
const secret = () => randomBytes(16).toString("hex");
