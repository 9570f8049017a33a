import { once } from "node:events";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";

/** The first message to the uploading process. Any further message ends it. */
export interface UploadOrder {
	url: string;
	photoPath: string;
	perSecond: number;
	uploaders: { conversationId: string; token: string }[];
}

/** A phone uploads with 20 Mbit/s: one chunk of this size in each interval. */
const chunkBytes = 25_000;
const chunkIntervalMs = 10;

/** Uploads and confirms images at a steady rate, like phones. When it is stopped, it sends how many were confirmed. */
process.once("message", ({ url, photoPath, perSecond, uploaders }: UploadOrder) => {
	const photo = new Uint8Array(readFileSync(photoPath));
	const running: Promise<void>[] = [];
	let confirmed = 0;
	const timer = setInterval(() => {
		const { conversationId, token } = uploaders[running.length % uploaders.length] as UploadOrder["uploaders"][number];
		running.push(
			uploadOne(url, conversationId, token, photo).then(() => {
				confirmed++;
			}),
		);
	}, 1000 / perSecond);
	process.once("message", async () => {
		clearInterval(timer);
		await Promise.all(running);
		process.send?.(confirmed, () => process.disconnect());
	});
});

async function uploadOne(url: string, conversationId: string, token: string, photo: Uint8Array<ArrayBuffer>): Promise<void> {
	const path = `${url}/conversations/${conversationId}/messages/images`;
	const post = async (to: string, body: object) => {
		const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
		const response = await fetch(to, { method: "POST", headers, body: JSON.stringify(body) });
		if (!response.ok) throw new Error(`${to}: ${response.status} ${await response.text()}`);
		return response.json() as Promise<{ imageId: string; uploadUrl: string; headers: Record<string, string> }>;
	};
	const wanted = { filename: "photo.jpg", mimeType: "image/jpeg", sizeBytes: photo.length };
	const { imageId, uploadUrl, headers } = await post(`${path}/upload-url`, wanted);
	await put(uploadUrl, { ...headers, "Content-Length": photo.length }, photo);
	await post(`${path}/confirm`, { imageId });
}

async function put(url: string, headers: Record<string, string | number>, body: Uint8Array): Promise<void> {
	const sending = request(url, { method: "PUT", headers });
	const answered = once(sending, "response");
	for (let at = 0; at < body.length; at += chunkBytes) {
		sending.write(body.subarray(at, at + chunkBytes));
		await delay(chunkIntervalMs);
	}
	sending.end();
	const [response] = await answered;
	response.resume();
	if (response.statusCode !== 200) throw new Error(`The upload was answered with ${response.statusCode}.`);
}
