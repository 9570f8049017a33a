import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { uploadAndConfirm } from "../support/images.ts";
import { type MediaNode, startMediaNode } from "../support/media-node.ts";

jest.setTimeout(30_000);

const lifetimeMs = 8 * 60_000;

/** What gives a container its temporary credentials on AWS; the SDK asks it where the settings have no keys. */
let credentials: Server;
let parley: MediaNode | undefined;
let expiration: Date;

beforeAll(async () => {
	credentials = createServer((_req, res) => {
		// The node may ask while it starts, when nobody knows the keys yet.
		if (!parley) return void res.writeHead(503).end();
		const { accessKeyId, secretAccessKey } = parley.s3;
		const body = { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: "a token", Expiration: expiration };
		res.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(body));
	}).listen(0, "127.0.0.1");
	await once(credentials, "listening");
	expiration = new Date(Math.floor((Date.now() + lifetimeMs) / 1000) * 1000);
	process.env.AWS_CONTAINER_CREDENTIALS_FULL_URI = `http://127.0.0.1:${(credentials.address() as AddressInfo).port}/`;
	process.env.AWS_REGION = "us-east-1";
	parley = await startMediaNode({ S3_ACCESS_KEY_ID: "", S3_SECRET_ACCESS_KEY: "" });
});
afterAll(async () => {
	delete process.env.AWS_CONTAINER_CREDENTIALS_FULL_URI;
	delete process.env.AWS_REGION;
	await parley?.stop();
	credentials.closeAllConnections();
	credentials.close();
	await once(credentials, "close");
});

test("no URL is promised for longer than the temporary credentials that signed it", async () => {
	const { id, alice } = await (parley as MediaNode).conversation();
	const wanted = { filename: "photo.jpg", mimeType: "image/jpeg", sizeBytes: 1_000 };
	const { body } = await alice.fetch("POST", `/conversations/${id}/messages/images/upload-url`, wanted);
	expect(new URL(body.uploadUrl).searchParams.get("X-Amz-Security-Token")).toBe("a token");
	expect(body.expiresAt).toBe(expiration.toISOString());

	const image = await uploadAndConfirm(alice, id);
	expect(new URL(image.thumbnailUrl).searchParams.get("X-Amz-Security-Token")).toBe("a token");
	expect(image.urlsExpireAt).toBe(expiration.toISOString());
});
