import type { Storage } from "../../mixins/storage.ts";

/** Stores an object as the processes of Parley do. */
export async function store(storage: Storage, key: string, bytes: Buffer): Promise<void> {
	const response = await fetch(await storage.presign("PUT", key, 60), { method: "PUT", body: new Uint8Array(bytes) });
	expect(response.status).toBe(200);
}
