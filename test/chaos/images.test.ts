import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type EmbeddedStorage, startStorage } from "../../embedded/storage.ts";
import type { Config } from "../../lib/config.ts";
import { type Cluster, startCluster } from "../../testing/cluster.ts";
import { type PostgresServer, startPostgresServer } from "../../testing/postgres-server.ts";
import { storageEnv } from "../../testing/storage-env.ts";
import { startBroker } from "../support/broker.ts";
import { query } from "../support/database.ts";
import { type Flaky, startFlaky } from "../support/flaky.ts";
import { imageProcessesOf } from "../support/image-processes.ts";
import { download, picture } from "../support/images.ts";
import { TestBucket } from "../support/test-bucket.ts";
import { Photographer, type Picture } from "./photographer.ts";

const photographers = 3;
const pauseMs = 2_000;
/** Until somebody, or Kubernetes, starts what was killed. */
const downMs = 1_000;

let folder: string;
let postgres: PostgresServer;
let embedded: EmbeddedStorage;
let storage: Flaky;
let s3: Config["s3"];
let cluster: Cluster;

beforeAll(async () => {
	folder = mkdtempSync(join(tmpdir(), "parley-chaos-images-"));
	postgres = await startPostgresServer(folder);
	embedded = await startStorage({ dataDir: folder });
	storage = await startFlaky(String(embedded.s3.endpoint));
	s3 = { ...embedded.s3, endpoint: storage.url };
	cluster = await startCluster({ databaseUrl: postgres.url, counts: { media: 2 }, s3 });
}, 240_000);

afterAll(async () => {
	await cluster?.stop();
	await storage?.stop();
	await embedded?.stop();
	await postgres?.stop();
	rmSync(folder, { recursive: true });
}, 60_000);

test("after everything has failed once, no image is lost, none comes back, and nothing is orphaned", async () => {
	const photo = new Blob([new Uint8Array(await picture(1200, 900).jpeg().toBuffer())], { type: "image/jpeg" });
	const all = await Promise.all(Array.from({ length: photographers }, () => Photographer.arrive(cluster, photo)));
	const shooting = Promise.all(all.map((one) => one.shoot()));
	try {
		for (const strike of [killMedia, killImageProcesses, killStorage, refuseDeletions, killMessages, crashPostgres]) {
			await delay(pauseMs);
			await strike();
		}
		await delay(pauseMs);
	} finally {
		for (const one of all) one.stop();
		await shooting;
	}

	expect(all.flatMap(({ failures }) => failures)).toEqual([]);
	const pictures = all.flatMap((one) => one.pictures);
	const kept = pictures.filter(({ message, deleted }) => message && !deleted);
	expect(kept.length).toBeGreaterThan(photographers);
	expect(pictures.filter(({ deleted }) => deleted).length).toBeGreaterThan(photographers);
	expect(all.flatMap(({ refusals }) => Object.keys(refusals))).toContain("UNAVAILABLE");
	for (const one of all) await checkShown(one);

	await cluster.stop();
	await aDayLater();
	expect(await cleanedUp()).toEqual({ objectsWithoutRow: [], rowsWithoutObject: [] });
	const rows = await query<{ id: string; status: string }>(postgres.url, "select id, status from images where status <> 'GONE'");
	expect(rows.filter(({ status }) => status !== "READY")).toEqual([]);
	expect(rows.map(({ id }) => id).sort()).toEqual(kept.map(({ imageId }) => imageId).sort());
	const bucket = new TestBucket(folder, embedded.s3);
	expect(await bucket.keys("")).toHaveLength(3 * kept.length);
	bucket.close();
}, 180_000);

async function killMedia(): Promise<void> {
	const node = cluster.node("media-1");
	await node.kill();
	await delay(downMs);
	await node.start();
}

async function killImageProcesses(): Promise<void> {
	const pids = ["media-1", "media-2"].flatMap((name) => imageProcessesOf(cluster.node(name).pid).map(({ pid }) => pid));
	expect(pids).not.toEqual([]);
	for (const pid of pids) process.kill(pid, "SIGKILL");
}

async function killStorage(): Promise<void> {
	await embedded.stop();
	await delay(downMs);
	embedded = await startStorage({ dataDir: folder });
	storage.target = String(embedded.s3.endpoint);
}

async function refuseDeletions(): Promise<void> {
	storage.refuses = ({ method }) => method === "DELETE";
	await delay(downMs);
	storage.refuses = () => false;
}

async function killMessages(): Promise<void> {
	const node = cluster.node("messages-1");
	await node.kill();
	await delay(downMs);
	await node.start();
}

function crashPostgres(): Promise<void> {
	return postgres.restart({ crash: true });
}

/** What was sent is there, each once, and can be downloaded; what was deleted is not. */
async function checkShown({ pictures, conversationId, rest }: Photographer): Promise<void> {
	const sent = pictures.filter(({ message }) => message);
	const history = [];
	for (let after = 0; ; ) {
		const { items, hasMore } = await rest.listMessages(conversationId, { after, limit: 100 });
		history.push(...items);
		const last = items.at(-1);
		if (!hasMore || !last) break;
		after = last.seq;
	}
	expect(history.map(({ id }) => id).sort()).toEqual(sent.map(({ message }) => message?.id).sort());
	const imageOf = new Map(history.map(({ id, image }) => [id, image]));
	for (const { message, deleted, imageId } of sent) {
		const image = imageOf.get(String(message?.id));
		expect(image?.id).toBe(deleted ? undefined : imageId);
		for (const url of [image?.originalUrl, image?.previewUrl, image?.thumbnailUrl]) if (url) await download(url);
	}
	for (const { imageId } of pictures.filter(({ deleted }: Picture) => deleted)) {
		await expect(rest.getImage(imageId)).rejects.toMatchObject({ code: "NOT_FOUND" });
	}
}

/** By then every lease and claim has ended, and uploads and images that were not sent are abandoned. */
async function aDayLater(): Promise<void> {
	const times = ["created_at", "claimed_at", "confirming_until", "sent_at"];
	const earlier = times.map((time) => `${time} = ${time} - interval '25 hours'`);
	await query(postgres.url, `update images set ${earlier.join(", ")}`);
	const bucket = new TestBucket(folder, embedded.s3);
	await bucket.age("uploads/", 25);
	bucket.close();
}

/** What the reconciling check finds after a clean-up. */
async function cleanedUp(): Promise<unknown> {
	const services = ["directory", "conversations", "messages", "presence", "media"] as const;
	const node = await startBroker({ databaseUrl: postgres.url, services, env: { LOG_LEVEL: "fatal", ...storageEnv(s3) } });
	try {
		expect(await node.calls.call("media.cleanUp", {})).toMatchObject({ failed: 0 });
		return await node.calls.call("media.reconcile", { minAgeMinutes: 0 });
	} finally {
		await node.stop();
	}
}
