/** A text in a form for comparing, and where its parts were in the original. */
export interface Folded {
	text: string;
	/** The range of code points in the original that became `text.slice(start, end)`. Letters are taken whole, with their marks. */
	sourceOf(start: number, end: number): { start: number; end: number };
}

/**
 * Removes the differences between two spellings of the same text: lower case, no accents, plain characters for compatible forms
 * (ﬁ, Ａ, ２) and for typographic quotes and dashes, no invisible characters. A mark stays where it makes another letter: й, が and 한
 * stay as they are; ñ becomes n.
 */
export function foldText(original: string): string {
	if (asciiEnd(original, 0) === original.length) return original.toLowerCase();
	let text = "";
	eachPart(original, (folded) => {
		text += folded;
	});
	return text;
}

/** Like `foldText`, and keeps for each part where it came from. */
export function fold(original: string): Folded {
	if (asciiEnd(original, 0) === original.length) {
		return { text: original.toLowerCase(), sourceOf: (start, end) => ({ start, end }) };
	}
	let text = "";
	const starts: number[] = [];
	const ends: number[] = [];
	let position = 0;
	eachPart(original, (folded, length, isAscii) => {
		text += folded;
		for (let i = 0; i < folded.length; i++) {
			starts.push(isAscii ? position + i : position);
			ends.push(isAscii ? position + i + 1 : position + length);
		}
		position += length;
	});
	return { text, sourceOf: (start, end) => ({ start: starts[start] ?? position, end: ends[end - 1] ?? position }) };
}

/**
 * A letter with its marks, modifiers and selectors; the parts of a Korean syllable; half-width kana with a sound mark. At most 30 marks
 * at a time, as in Unicode's Stream-Safe Text Format (UAX 15), since the time to sort marks grows with the square of their number.
 */
const cluster =
	/(?:[\u1100-\u115f][\u1160-\u11a7][\u11a8-\u11ff]?|[\uff66-\uff9d][\uff9e\uff9f]|\P{M})(?:\p{M}|\p{Emoji_Modifier}){0,30}|\p{M}{1,30}/suy;

/** Folded clusters. Most text is ASCII, which needs no clusters. */
const cache = new Map<string, { folded: string; length: number }>();
const maxCached = 20_000;

/** Visits the runs of ASCII and the clusters of a text in order; `length` counts code points of the original. */
function eachPart(original: string, visit: (folded: string, length: number, isAscii: boolean) => void): void {
	let index = 0;
	while (index < original.length) {
		const end = asciiEnd(original, index);
		if (end > index) visit(original.slice(index, end).toLowerCase(), end - index, true);
		if (end === original.length) return;
		cluster.lastIndex = end;
		const found = cluster.exec(original)?.[0] ?? original.charAt(end);
		const { folded, length } = foldedCluster(found);
		visit(folded, length, false);
		index = end + found.length;
	}
}

/** Where a run of ASCII ends. A letter before a character that may be its mark is not part of the run. */
function asciiEnd(text: string, from: number): number {
	let index = from;
	while (text.charCodeAt(index) < 0x80) index++;
	return index > from && text.charCodeAt(index) >= 0x300 ? index - 1 : index;
}

function foldedCluster(original: string) {
	let entry = cache.get(original);
	if (!entry) {
		entry = { folded: foldCluster(original), length: [...original].length };
		// A letter may have any number of marks; such clusters are rare, and are not cached.
		if (original.length <= 8) {
			if (cache.size >= maxCached) cache.clear();
			cache.set(original, entry);
		}
	}
	return entry;
}

function foldCluster(letter: string): string {
	return letter
		.normalize("NFKD")
		.toLowerCase()
		.replace(marks, "")
		.normalize("NFC")
		.replace(special, (char) => plain[char] ?? "");
}

/**
 * Marks that people often leave out: those of Latin, Greek and Cyrillic (except in й, which is another letter than и), Hebrew points
 * and Arabic vowel signs. Vowel signs of Thai or Hindi and the sound marks of kana stay, since they make other words.
 */
const marks =
	/(?<!и)[\u0300-\u036f]|(?<=и)[\u0300-\u0305\u0307-\u036f]|[\u1ab0-\u1aff\u1dc0-\u1dff]|[\u0591-\u05c7]|[\u0610-\u061a\u064b-\u065f]|\u0670/g;

/** Letters that Unicode does not decompose, and characters that keyboards have in a plainer form. */
const plain: Record<string, string> = {
	...{ ß: "ss", æ: "ae", œ: "oe", ø: "o", ł: "l", đ: "d", ð: "d", þ: "th", ħ: "h", ı: "i", ς: "σ" },
	...{ "‘": "'", "’": "'", ʼ: "'", "“": '"', "”": '"', "„": '"', "‐": "-", "‑": "-", "–": "-", "—": "-", "−": "-" },
	...{ ی: "ي", ى: "ي", ک: "ك" },
	...digits(0x660),
	...digits(0x6f0),
	...digits(0x966),
};

/**
 * The characters of `plain`, and invisible ones: soft hyphens, zero-width characters (except the joiner, which emoji need), marks of
 * direction, variation selectors.
 */
const special = new RegExp(
	`[${Object.keys(plain).join("")}\\u00ad\\u0640\\u180e\\u200b\\u200c\\u200e\\u200f\\u202a-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\ufe00-\\ufe0f\\ufeff]`,
	"g",
);

function digits(zero: number): Record<string, string> {
	return Object.fromEntries(Array.from("0123456789", (digit, i) => [String.fromCharCode(zero + i), digit]));
}
