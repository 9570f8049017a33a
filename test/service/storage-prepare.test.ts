import { mkdtempSync, rmSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EmbeddedStorage, startStorage } from "../../embedded/storage.ts";
import { Storage } from "../../mixins/storage.ts";
import { prepareStorage } from "../../services/media/prepare-storage.ts";
import { until } from "../../testing/until.ts";
import { type Flaky, startFlaky } from "../support/flaky.ts";

jest.setTimeout(30_000);

const origins = { corsOrigins: ["https://example.org"], appUrl: "http://localhost:3000", media: { keyPrefix: "parley/" } };

let dataDir: string;
let embedded: EmbeddedStorage;
let flaky: Flaky;

beforeEach(async () => {
	dataDir = mkdtempSync(join(tmpdir(), "parley-prepare-"));
	embedded = await startStorage({ dataDir });
	flaky = await startFlaky(String(embedded.s3.endpoint));
});
afterEach(async () => {
	await flaky.stop();
	await embedded.stop();
	rmSync(dataDir, { recursive: true });
});

test("nodes that all find no bucket and all create it are all content", async () => {
	const s3 = { ...embedded.s3, endpoint: flaky.url, bucket: "another" };
	const nodes = 4;
	const another = new Storage({ ...s3, endpoint: String(embedded.s3.endpoint) });
	let creating = 0;
	const { promise: allCreate, resolve } = Promise.withResolvers<void>();
	flaky.before = async (req) => {
		if (!createsBucket(req)) return;
		const isFirst = ++creating === 1;
		if (creating === nodes) resolve();
		await allCreate;
		// The others' requests arrive when there is one.
		if (!isFirst) await until(() => another.check().then(() => true));
	};
	const prepared = await Promise.allSettled(Array.from({ length: nodes }, () => prepareStorage({ s3, ...origins })));
	expect(prepared.map((one) => (one.status === "rejected" ? String(one.reason) : "prepared"))).toEqual(
		Array(nodes).fill("prepared"),
	);
	expect(creating).toBe(nodes);
	another.close();
});

function createsBucket({ method, url }: IncomingMessage): boolean {
	return method === "PUT" && /^\/another\/?(\?x-id=CreateBucket)?$/.test(String(url));
}
