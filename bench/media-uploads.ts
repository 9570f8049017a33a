import { readFileSync } from "node:fs";

/** What the uploading process is told to begin with; after that, any message ends it. */
export interface Order {
	url: string;
	photoPath: string;
	perSecond: number;
	uploaders: { conversationId: string; token: string }[];
}

/** Uploads and confirms images at a steady rate, as phones elsewhere would; answers how many when it is told to stop. */
process.once("message", ({ url, photoPath, perSecond, uploaders }: Order) => {
	const photo = new Uint8Array(readFileSync(photoPath));
	const running: Promise<void>[] = [];
	let confirmed = 0;
	const timer = setInterval(() => {
		const { conversationId, token } = uploaders[running.length % uploaders.length] as Order["uploaders"][number];
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
	await (await fetch(uploadUrl, { method: "PUT", headers, body: photo })).arrayBuffer();
	await post(`${path}/confirm`, { imageId });
}
