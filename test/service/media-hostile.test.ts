import sharp from "sharp";
import { until } from "../../testing/until.ts";
import { manyScans, png } from "../support/hostile-images.ts";
import { imageProcessesOf } from "../support/image-processes.ts";
import { confirm, download, picture, upload } from "../support/images.ts";
import { type Answer, type Person, useMediaNode } from "../support/media-node.ts";

jest.setTimeout(120_000);

let conversationId: string;
let alice: Person;

const parley = useMediaNode();

beforeEach(async () => {
	({ id: conversationId, alice } = await parley.conversation());
});
afterEach(() => {
	parley.storage.before = () => {};
	parley.storage.refuses = () => false;
});

test.each<[string, string, () => Promise<Buffer> | Buffer]>([
	["1 × 50,000,000 pixels in 0.1 MB", "TOO_MANY_PIXELS", () => png(1, 50_000_000)],
	["50,000,000 × 1 pixels in 10 KB", "TOO_MANY_PIXELS", () => png(50_000_000, 1)],
	["a row of one pixel more than a side may have", "TOO_MANY_PIXELS", () => png(16_384, 1)],
	["a progressive JPEG of 800 scans", "TOO_COSTLY", () => manyScans(7_000, 7_000, 800)],
])("%s is refused before it is decoded", async (_what, reason, make) => {
	const imageId = await upload(alice, conversationId, await make());
	const { status, body } = await confirm(alice, conversationId, imageId);
	expect([status, body.error.details?.reason]).toEqual([422, reason]);
	expect(await parley.sql("select from images where id = $1", [imageId])).toEqual([]);
	expect(await parley.bucket.keys(imageId)).toEqual([]);
});

test("the longest side there may be, a JPEG of ten scans and an animation of 200 frames are images", async () => {
	const frames = await Promise.all(Array.from({ length: 200 }, (_, i) => frame(`hsl(${i}, 50%, 50%)`)));
	const animation = await sharp(frames, { join: { animated: true } })
		.webp({ delay: frames.map(() => 50) })
		.toBuffer();
	for (const bytes of [png(16_383, 1), png(1, 16_383), await picture().jpeg({ progressive: true }).toBuffer(), animation]) {
		const imageId = await upload(alice, conversationId, bytes);
		const { status, body } = await confirm(alice, conversationId, imageId);
		expect(status).toBe(200);
		await download(body.originalUrl);
	}
});

test("an image that ends its process twice is refused for good, and nothing of it is left", async () => {
	const imageId = await upload(alice, conversationId, await picture().jpeg().toBuffer());
	parley.storage.before = ({ method, url }) => {
		if (method !== "GET" || !String(url).includes(imageId)) return;
		for (const { pid } of imageProcessesOf(process.pid)) process.kill(pid, "SIGKILL");
	};
	const answers = [await confirm(alice, conversationId, imageId), await confirm(alice, conversationId, imageId)];
	expect(answers.map(told)).toEqual([
		[503, "UNAVAILABLE", undefined],
		[422, "IMAGE_REJECTED", "TOO_COSTLY"],
	]);
	expect((await confirm(alice, conversationId, imageId)).status).toBe(404);
	expect(await parley.sql("select from images where id = $1", [imageId])).toEqual([]);
	expect(await parley.bucket.keys(imageId)).toEqual([]);
});

test("an attempt that died with its node counts too", async () => {
	const imageId = await upload(alice, conversationId, await picture().jpeg().toBuffer());
	await parley.sql("update images set attempts = 2, confirming_until = now() where id = $1", [imageId]);
	let fetched = 0;
	parley.storage.before = ({ method }) => void (method === "GET" && fetched++);
	expect(told(await confirm(alice, conversationId, imageId))).toEqual([422, "IMAGE_REJECTED", "TOO_COSTLY"]);
	expect(fetched).toBe(0);
});

test("a storage that fails again and again is no attempt of the image", async () => {
	const imageId = await upload(alice, conversationId, await picture().jpeg().toBuffer());
	parley.storage.refuses = ({ method }) => method === "PUT";
	for (let i = 0; i < 4; i++) expect((await confirm(alice, conversationId, imageId)).status).toBe(503);
	parley.storage.refuses = () => false;
	expect((await confirm(alice, conversationId, imageId)).status).toBe(200);
});

test("one person's many images do not hold up another's: people take turns", async () => {
	const bytes = await picture().jpeg().toBuffer();
	const bob = await parley.conversation();
	const many = await Promise.all(Array.from({ length: 20 }, () => upload(alice, conversationId, bytes)));
	const one = await upload(bob.alice, bob.id, bytes);

	const fetched: string[] = [];
	const { promise: opened, resolve: open } = Promise.withResolvers<void>();
	parley.storage.before = ({ method, url }) => {
		if (method !== "GET") return;
		fetched.push([...many, one].find((id) => String(url).includes(id)) ?? "another");
		return opened;
	};
	const hers = many.map((imageId) => confirm(alice, conversationId, imageId));
	await until(() => fetched.length === 1);
	await until(async () => (await leased()) > 0);
	const his = confirm(bob.alice, bob.id, one);
	const extra = await upload(alice, conversationId, bytes);
	await confirm(alice, conversationId, extra);
	open();
	expect((await his).status).toBe(200);
	expect(fetched.indexOf(one)).toBe(1);
	const answered = await Promise.all(hers);
	expect(answered.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(19);
});

async function leased(): Promise<number> {
	const [row] = await parley.sql<{ count: number }>("select count(*) from images where confirming_until > now()");
	return row?.count ?? 0;
}

const told = ({ status, body }: Answer) => [status, body.error?.code, body.error?.details?.reason];

function frame(background: string): Promise<Buffer> {
	return sharp({ create: { width: 200, height: 150, channels: 3, background } })
		.png()
		.toBuffer();
}
