import sharp from "sharp";
import { scansOf } from "../../services/media/jpeg-scans.ts";
import { manyScans } from "../support/hostile-images.ts";

const plain = (options = {}) =>
	sharp({
		create: { width: 200, height: 150, channels: 3, background: "grey", noise: { type: "gaussian", mean: 128, sigma: 60 } },
	})
		.jpeg(options)
		.toBuffer();

test("scans are counted in the image itself, not in a thumbnail before it nor in what stands behind it", async () => {
	const [baseline, progressive] = [await plain(), await plain({ progressive: true })];
	expect(scansOf(baseline)).toBe(1);
	expect(scansOf(progressive)).toBe(10);
	expect(scansOf(await manyScans(64, 48, 300))).toBe(300);

	const length = Buffer.alloc(2);
	length.writeUInt16BE(progressive.length + 2);
	const thumbnail = Buffer.concat([Buffer.from("ffe1", "hex"), length, progressive]);
	const phone = Buffer.concat([baseline.subarray(0, 2), thumbnail, baseline.subarray(2), progressive]);
	expect(progressive.length).toBeLessThan(65_000);
	expect(scansOf(phone)).toBe(1);
});

test("whatever bytes there are, counting ends", () => {
	for (const hex of ["ffd8", "ffd8ff", "ffd8ffda", "ffd8ffda0000", "ffd8ffda0002ff", "ffd8ffffffff", "ffd800000000ff"]) {
		expect(scansOf(Buffer.from(hex, "hex"))).toBeLessThanOrEqual(1);
	}
	expect(scansOf(Buffer.alloc(5_000_000, "ffd8ffda0002", "hex"))).toBeGreaterThan(0);
	expect(scansOf(Buffer.alloc(5_000_000, 0xff))).toBe(0);
});
