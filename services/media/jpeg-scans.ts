const [startOfScan, endOfImage] = [0xda, 0xd9];

/**
 * How many scans a JPEG has (ITU T.81, B.1.1). A progressive JPEG may have 2,600 scans of a few bytes each, and a decoder passes over
 * the whole image for each of them. Scans after the end of the image do not count: phones append further images there.
 */
export function scansOf(jpeg: Buffer): number {
	let scans = 0;
	for (let at = 2; at + 4 <= jpeg.length; ) {
		if (jpeg[at] !== 0xff) {
			at = nextMarker(jpeg, at);
			continue;
		}
		const marker = jpeg[at + 1];
		if (marker === endOfImage) break;
		if (marker === 0xff) {
			at++;
			continue;
		}
		at += 2 + jpeg.readUInt16BE(at + 2);
		if (marker !== startOfScan) continue;
		scans++;
		at = nextMarker(jpeg, at);
	}
	return scans;
}

/** The next marker after entropy-coded data. Inside such data, 0xff is followed by 0 or is part of a restart marker. */
function nextMarker(jpeg: Buffer, from: number): number {
	for (let at = jpeg.indexOf(0xff, from); at >= 0; at = jpeg.indexOf(0xff, at + 1)) {
		const next = jpeg[at + 1] ?? 0;
		if (next !== 0 && next !== 0xff && !(next >= 0xd0 && next <= 0xd7)) return at;
	}
	return jpeg.length;
}
