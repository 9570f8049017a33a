import type { ServiceBroker } from "moleculer";
import type { Storage } from "../mixins/storage.ts";
import { callsOf } from "./contracts.ts";
import type { Image, StoredImage } from "./media/media.contract.ts";

/** Adds to images the URLs to download them, which are valid for some minutes. Keeps the order. */
export type SignImages = (images: StoredImage[]) => Promise<Image[]>;

/** The URLs of an image stay the same for this time, so that browsers can use their cache. */
const windowMs = 5 * 60_000;

/** Counted from the start of the window. So a URL is valid for 10 to 15 minutes when a client gets it. */
const ttlSeconds = 15 * 60;

/** Signs in this process if it knows the storage. Otherwise makes one call to `media` for all images. */
export function createSignImages(broker: ServiceBroker, storage: Storage | undefined): SignImages {
	return async (images) => {
		if (images.length === 0) return [];
		return storage ? signImages(storage, images) : callsOf(broker).call("media.sign", { images });
	};
}

export async function signImage(storage: Storage, image: StoredImage): Promise<Image> {
	const [signed] = await signImages(storage, [image]);
	return signed as Image; // One image in, one image out.
}

export async function signImages(storage: Storage, images: StoredImage[]): Promise<Image[]> {
	const signer = await storage.signer();
	const from = new Date(Math.floor(Date.now() / windowMs) * windowMs);
	const urlsExpireAt = signer.expiryOf(from, ttlSeconds).toISOString();
	return images.map(({ storageKey, previewKey, thumbnailKey, ...image }) => ({
		...image,
		originalUrl: signer.sign("GET", storageKey, from, ttlSeconds),
		previewUrl: signer.sign("GET", previewKey, from, ttlSeconds),
		thumbnailUrl: signer.sign("GET", thumbnailKey, from, ttlSeconds),
		urlsExpireAt,
	}));
}
