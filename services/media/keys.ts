import { randomBytes } from "node:crypto";

/**
 * The keys of what we store, all under a prefix that is ours alone. Rows keep the keys that they were made with, whatever the
 * prefix is today.
 */
export interface Keys {
	upload: string;
	original: string;
	preview: string;
	thumbnail: string;
}

/** Ids are known to others; keys are not to be guessed even by whoever may list nothing but read everything. */
export function newKeys(prefix: string, id: string): Keys {
	const folder = `${imagesUnder(prefix)}${id}/${secret()}`;
	return {
		upload: `${uploadsUnder(prefix)}${id}/${secret()}`,
		original: `${folder}/original`,
		preview: `${folder}/preview`,
		thumbnail: `${folder}/thumbnail`,
	};
}

export const uploadsUnder = (prefix: string) => `${prefix}uploads/`;

export const imagesUnder = (prefix: string) => `${prefix}images/`;

/** Whether we have given out a key of this form. Others may keep what they like beside it. */
export function isUploadKey(prefix: string, key: string): boolean {
	return key.startsWith(uploadsUnder(prefix)) && uploadForm.test(key.slice(uploadsUnder(prefix).length));
}

/** The id in the key of a rendition; text that is no id where the key is not ours. */
export function imageIdOf(prefix: string, key: string): string {
	return key.slice(imagesUnder(prefix).length).split("/", 1)[0] ?? "";
}

const uploadForm = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\/[0-9a-f]{32}$/;

const secret = () => randomBytes(16).toString("hex");
