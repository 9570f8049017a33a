import { hash, randomUUID } from "node:crypto";
import { connectTimeoutMs, queryTimeoutMs } from "../../lib/timeouts.ts";
import { Database, statement } from "../../mixins/database.ts";
import { Storage } from "../../mixins/storage.ts";
import { type ConfirmContext, confirmUpload } from "../../services/media/confirm-upload.ts";
import { FairQueue } from "../../services/media/fair-queue.ts";
import { confirmSeconds, leaseSeconds, sizeTimeoutSeconds } from "../../services/media/image-lifecycle.ts";
import { ImageWorkers } from "../../services/media/image-workers.ts";
import { until } from "../../testing/until.ts";
import { confirm, download, lasting, picture, upload } from "../support/images.ts";
import { type Person, useMediaNode } from "../support/media-node.ts";

jest.setTimeout(30_000);

let conversationId: string;
let alice: Person;
/** What a second node has: the same database and bucket, image processes of its own. */
let other: ConfirmContext & { db: Database; storage: Storage; imageWorkers: ImageWorkers };

// Above the node, so that these are closed before it stops.
afterAll(async () => {
	await other.imageWorkers.close();
	other.storage.close();
	await other.db.close();
});

const parley = useMediaNode();

beforeAll(() => {
	const { config, logger } = parley.broker;
	const db = new Database(config.databaseUrl, () => {});
	const storage = new Storage({ ...config.s3, bucket: "parley", endpoint: parley.storage.target });
	const imageWorkers = new ImageWorkers();
	other = {
		db,
		storage,
		imageWorkers,
		confirmQueue: new FairQueue({ concurrency: 1, maxWaiting: 1 }),
		scanCommand: undefined,
		logger,
	};
});
beforeEach(async () => {
	({ id: conversationId, alice } = await parley.conversation());
});
afterEach(() => {
	parley.storage.before = () => {};
});

test("a confirmation that outlived its lease answers with what another made of the image, and deletes nothing", async () => {
	const { imageId, first, letGoOn } = await hangingConfirmation();
	await expireLease(imageId);
	const made = await confirmUpload(other, conversationId, imageId);
	letGoOn();
	const { status, body } = await first;
	expect(status).toBe(200);
	expect(lasting(body).id).toBe(made.id);
	expect(await parley.bucket.keys(imageId)).toHaveLength(3);
	for (const url of [body.originalUrl, body.previewUrl, body.thumbnailUrl]) await download(url);
});

test("a confirmation that outlived its lease waits for who has it now", async () => {
	const { imageId, first, letGoOn } = await hangingConfirmation();
	const token = randomUUID();
	const lease = "update images set confirming_by = $2, confirming_until = now() + interval '3 seconds' where id = $1";
	await parley.sql(lease, [imageId, token]);
	letGoOn();
	await until(async () => (await parley.bucket.keys(imageId)).length === 4);
	expect(await rowOf(imageId)).toEqual({ status: "PENDING", confirming_by: token });
	expect((await first).status).toBe(200);
	expect(await parley.bucket.keys(imageId)).toHaveLength(3);
});

test("a late rejection does not reject what another has made", async () => {
	const { imageId, first, letGoOn } = await hangingConfirmation("GET");
	await expireLease(imageId);
	await confirmUpload(other, conversationId, imageId);
	// Its upload is gone: the first would say NOT_UPLOADED.
	letGoOn();
	expect((await first).status).toBe(200);
	expect((await rowOf(imageId))?.status).toBe("READY");
});

test("a storage that accepts a connection and says nothing ends a confirmation well before its caller", async () => {
	const imageId = await upload(alice, conversationId, await picture().jpeg().toBuffer());
	const { promise, resolve } = Promise.withResolvers<void>();
	parley.storage.before = ({ method }) => (method === "HEAD" ? promise : undefined);
	const beganMs = performance.now();
	expect((await confirm(alice, conversationId, imageId)).status).toBe(503);
	expect(performance.now() - beganMs).toBeLessThan(12_000);
	resolve();
	parley.storage.before = () => {};
	expect((await confirm(alice, conversationId, imageId)).status).toBe(200);
});

test("the deadline of a confirmation, and what the database may still take, end before its lease", () => {
	expect(sizeTimeoutSeconds).toBeLessThan(confirmSeconds);
	expect(confirmSeconds * 1000 + 2 * (connectTimeoutMs + queryTimeoutMs)).toBeLessThan(leaseSeconds * 1000);
});

/** A confirmation whose image process waits to fetch the upload, or to store what it has made of it. */
async function hangingConfirmation(stage: "GET" | "PUT" = "PUT") {
	const imageId = await upload(alice, conversationId, await picture().jpeg().toBuffer());
	const { promise, resolve } = Promise.withResolvers<void>();
	let held = false;
	parley.storage.before = ({ method, url }) => {
		if (method !== stage || !String(url).includes(imageId)) return;
		held = true;
		return promise;
	};
	const first = confirm(alice, conversationId, imageId);
	await until(() => held);
	return { imageId, first, letGoOn: resolve };
}

function expireLease(imageId: string) {
	return parley.sql("update images set confirming_until = now() - interval '1 second' where id = $1", [imageId]);
}

async function rowOf(imageId: string) {
	const text = "select status, confirming_by from images where id = $1";
	const [row] = await other.db.query<{ status: string; confirming_by: string | null }>(statement(hash("md5", text), text), [
		imageId,
	]);
	return row;
}
