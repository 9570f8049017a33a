import { crc32, deflateSync } from "node:zlib";
import sharp from "sharp";

/** A valid PNG of one colour, 1 bit a pixel. */
export function png(width: number, height: number): Buffer {
	const header = Buffer.alloc(13);
	header.writeUInt32BE(width, 0);
	header.writeUInt32BE(height, 4);
	header.set([1, 0, 0, 0, 0], 8);
	const rows = deflateSync(Buffer.alloc(height * (1 + Math.ceil(width / 8))));
	const signature = Buffer.from("89504e470d0a1a0a", "hex");
	return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", rows), chunk("IEND", Buffer.alloc(0))]);
}

/**
 * A valid progressive JPEG of one colour with this many scans. Each is a few bytes (ITU T.81, G.1.2.2: one coefficient, one bit of it,
 * which is zero in all blocks), and costs a decoder a pass over the whole image.
 */
export async function manyScans(width: number, height: number, scans: number): Promise<Buffer> {
	const plain = await sharp({ create: { width, height, channels: 3, background: "red" } })
		.jpeg({ progressive: true })
		.toBuffer();
	const segments = segmentsOf(plain);
	const starts = segments.flatMap(({ marker }, i) => (marker === startOfScan ? [i] : []));
	// In what libjpeg writes, the first is all DC coefficients, the second luminance's first AC, the sixth refines these.
	const [dc = 0, first = 0, , , , refining = 0] = starts;
	const tableBefore = (i: number) =>
		segments.slice(0, i).findLast(({ marker }) => marker === huffmanTable)?.bytes ?? Buffer.alloc(0);
	const scan = (i: number, coefficient: number, bits: number) => [tableBefore(i), withSpectrum(segments[i], coefficient, bits)];
	const parts: Buffer[][] = [];
	for (let coefficient = 1; coefficient <= 63; coefficient++) {
		parts.push(scan(first, coefficient, 13));
		for (let low = 12; low >= 0; low--) parts.push(scan(refining, coefficient, ((low + 1) << 4) | low));
	}
	const before = segments.slice(0, dc + 1).map(({ bytes }) => bytes);
	return Buffer.concat([plain.subarray(0, 2), ...before, ...parts.slice(0, scans - 1).flat(), plain.subarray(-2)]);
}

const [startOfScan, huffmanTable] = [0xda, 0xc4];

interface Segment {
	marker: number;
	bytes: Buffer;
}

function segmentsOf(jpeg: Buffer): Segment[] {
	const segments: Segment[] = [];
	for (let at = 2; at < jpeg.length - 2; ) {
		const marker = jpeg.readUInt8(at + 1);
		let end = at + 2 + jpeg.readUInt16BE(at + 2);
		while (marker === startOfScan && !(jpeg[end] === 0xff && jpeg[end + 1] !== 0)) end++;
		segments.push({ marker, bytes: jpeg.subarray(at, end) });
		at = end;
	}
	return segments;
}

/** A scan of one component for one coefficient instead of its own. */
function withSpectrum(segment: Segment | undefined, coefficient: number, bits: number): Buffer {
	const bytes = Buffer.from(segment?.bytes ?? "");
	bytes.set([coefficient, coefficient, bits], 7);
	return bytes;
}

function chunk(type: string, data: Buffer): Buffer {
	const body = Buffer.concat([Buffer.from(type), data]);
	const frame = Buffer.alloc(8 + body.length);
	frame.writeUInt32BE(data.length, 0);
	body.copy(frame, 4);
	frame.writeUInt32BE(crc32(body), 4 + body.length);
	return frame;
}
