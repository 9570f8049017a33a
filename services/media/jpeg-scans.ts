const [startOfScan, endOfImage] = [0xda, 0xd9];

/**
 * How many scans a JPEG has (ITU T.81, B.1.1). A progressive one may have 2,600, of a few bytes each, and every one of them costs a
 * pass over the whole image. Only what stands before the end of the image counts: phones put further images behind it.
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

/** Behind entropy-coded data, in which 0xff is followed by 0 or, between its parts, by a restart marker. */
function nextMarker(jpeg: Buffer, from: number): number {
	for (let at = jpeg.indexOf(0xff, from); at >= 0; at = jpeg.indexOf(0xff, at + 1)) {
		const next = jpeg[at + 1] ?? 0;
		if (next !== 0 && next !== 0xff && !(next >= 0xd0 && next <= 0xd7)) return at;
	}
	return jpeg.length;
}
