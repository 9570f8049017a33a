import type { PushNotice } from "./channel.ts";

/**
 * The notice with a body so short that `sizeBytes` of the notice is at most `maxBytes`. It is cut between characters as people see
 * them, or, if not one of them fits, between code points.
 */
export function shortenToFit(notice: PushNotice, maxBytes: number, sizeBytes: (notice: PushNotice) => number): PushNotice {
	if (sizeBytes(notice) <= maxBytes) return notice;
	// Each UTF-16 unit becomes at least one byte.
	const body = notice.body.slice(0, maxBytes);
	const fits = (text: string) => sizeBytes({ ...notice, body: `${text}…` }) <= maxBytes;
	const cut =
		longest(
			[...segmenter.segment(body)].map(({ segment }) => segment),
			fits,
		) || longest([...body], fits);
	return { ...notice, body: cut === "" ? "" : `${cut}…` };
}

const segmenter = new Intl.Segmenter();

/** As many of the parts, from the first one on, as fit. */
function longest(parts: string[], fits: (text: string) => boolean): string {
	let [fitting, tooMany] = [0, parts.length + 1];
	while (tooMany - fitting > 1) {
		const middle = Math.floor((fitting + tooMany) / 2);
		if (fits(parts.slice(0, middle).join(""))) fitting = middle;
		else tooMany = middle;
	}
	return parts.slice(0, fitting).join("");
}
