import type { ImageType, StoredImage } from "./media.contract.ts";

/** A row with the status READY, as the named statements read it with `readyColumns`. */
export interface ReadyRow {
	id: string;
	mime_type: ImageType;
	file_size_bytes: number;
	width: number;
	height: number;
	placeholder: string;
	storage_key: string;
	preview_key: string;
	thumbnail_key: string;
	delete_after: string;
}

/** For the `returning` and `select` of an image that is READY. */
export const readyColumns =
	"id, mime_type, file_size_bytes, width, height, placeholder, storage_key, preview_key, thumbnail_key, delete_after";

export function toStoredImage(row: ReadyRow): StoredImage {
	return {
		id: row.id,
		mimeType: row.mime_type,
		fileSizeBytes: row.file_size_bytes,
		width: row.width,
		height: row.height,
		placeholder: row.placeholder,
		storageKey: row.storage_key,
		previewKey: row.preview_key,
		thumbnailKey: row.thumbnail_key,
		deleteAfter: row.delete_after,
	};
}
