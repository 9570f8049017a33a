import { randomBytes } from "node:crypto";

/** The keys of the objects of one image. All begin with the prefix of the settings. A row keeps its keys if the prefix changes. */
export interface Keys {
	upload: string;
	original: string;
	preview: string;
	thumbnail: string;
}

/** The columns of `images` with these keys. */
export interface KeyColumns {
	upload_key: string;
	storage_key: string;
	preview_key: string;
	thumbnail_key: string;
}

/** For the `returning` and `select` of `KeyColumns`. */
export const keyColumns = "upload_key, storage_key, preview_key, thumbnail_key";

/** Clients know the ids of images. So keys also contain random bytes: an id is not enough to guess a key. */
export function newKeys(prefix: string, id: string): Keys {
	const folder = `${imagesUnder(prefix)}${id}/${secret()}`;
	return {
		upload: `${uploadsUnder(prefix)}${id}/${secret()}`,
		original: `${folder}/original`,
		preview: `${folder}/preview`,
		thumbnail: `${folder}/thumbnail`,
	};
}

/** The keys of the upload and of the three renditions. */
export const allKeysOf = (row: KeyColumns) => [row.upload_key, row.storage_key, row.preview_key, row.thumbnail_key];

export const uploadsUnder = (prefix: string) => `${prefix}uploads/`;

export const imagesUnder = (prefix: string) => `${prefix}images/`;

/** Whether a key has the form of our uploads. Other software may keep objects under the same prefix. */
export function isUploadKey(prefix: string, key: string): boolean {
	return key.startsWith(uploadsUnder(prefix)) && uploadForm.test(key.slice(uploadsUnder(prefix).length));
}

/** The image id in the key of a rendition. For a key of another form, some text that is no id. */
export function imageIdOf(prefix: string, key: string): string {
	return key.slice(imagesUnder(prefix).length).split("/", 1)[0] ?? "";
}

const uploadForm = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\/[0-9a-f]{32}$/;

const secret = () => randomBytes(16).toString("hex");
