/*
 * What people wrote, as notifications show it. Their texts may have control characters, marks that turn the direction of what
 * follows (U+202E makes `gpj.exe` of `exe.jpg`), and graphemes of thousands of characters.
 */

/** A text in one line: at most `max` graphemes. */
export function oneLine(text: string, max: number): string {
	return shorten(cleaned(text).replace(/\s+/g, " ").trim(), max);
}

/** A text with its line ends as LF, at most one empty line in a row, and at most `max` graphemes. */
export function inLines(text: string, max: number): string {
	return shorten(
		cleaned(text)
			.replace(/\n(?:[^\S\n]*\n){2,}/g, "\n\n")
			.trim(),
		max,
	);
}

/** A name, or a job title. `otherwise` is shown for one that has nothing to see. */
export function nameIn(text: string, otherwise: string): string {
	const name = oneLine(text, maxNameLength);
	return /[\p{L}\p{N}\p{P}\p{S}]/u.test(name) ? name : otherwise;
}

/** In graphemes. A subject with two of them stays below 200 characters. */
const maxNameLength = 60;

function cleaned(text: string): string {
	return text
		.toWellFormed()
		.replace(/\r\n?|[\v\f\u0085\u2028\u2029]/g, "\n")
		.replace(/(?![\n\t])\p{Cc}|[\u202a-\u202e\u2066-\u2069]/gu, "");
}

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/**
 * The first `max` graphemes of a text. If it has more, the last one is `…`. It also has at most twelve times as many UTF-16 units,
 * because a grapheme can have any number of combining marks.
 */
export function shorten(text: string, max: number): string {
	if (text.length <= max) return text;
	const maxUnits = max * 12;
	let count = 0;
	let end = 0;
	for (const { index, segment } of segmenter.segment(text.slice(0, maxUnits + 1))) {
		const next = index + segment.length;
		if (next > maxUnits || ++count > max) break;
		if (next === text.length) return text;
		if (count < max) end = next;
	}
	// A single grapheme that is too long: it is cut, but not within a surrogate pair.
	if (end === 0) end = text.slice(0, max).isWellFormed() ? max : max - 1;
	return `${text.slice(0, end).trimEnd()}…`;
}
