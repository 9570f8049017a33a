import type { ServiceBroker } from "moleculer";
import type { Storage } from "../mixins/storage.ts";
import { callsOf } from "./contracts.ts";
import type { Image, StoredImage } from "./media/media.contract.ts";

/** Gives images URLs that can be fetched for some minutes, in order. */
export type SignImages = (images: StoredImage[]) => Promise<Image[]>;

/** URLs are the same within a window of this length, so that browsers find what they have in their cache. */
const windowMs = 5 * 60_000;

/** From the start of its window: so they are good for 10 to 15 minutes. */
const ttlSeconds = 15 * 60;

/** Signs here, asking nobody, where the node knows the storage; else asks `media` once for all. */
export function createSignImages(broker: ServiceBroker, storage: Storage | undefined): SignImages {
	return async (images) => {
		if (images.length === 0) return [];
		return storage ? signImages(storage, images) : callsOf(broker).call("media.sign", { images });
	};
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
