/** A text made comparable, and where its parts stood in the original. */
export interface Folded {
	text: string;
	/** The code points of the original that `text.slice(start, end)` came from; whole letters with their marks. */
	sourceOf(start: number, end: number): { start: number; end: number };
}

/**
 * What two writings of the same have in common: no case, no accents, compatible forms (ﬁ, Ａ, ２) as the plain one, typographic
 * quotes and dashes as typed on a keyboard, nothing invisible. Letters of their own stay: й, が, ñ is n but 한 is not 하.
 */
export function foldText(original: string): string {
	if (asciiEnd(original, 0) === original.length) return original.toLowerCase();
	let text = "";
	eachPart(original, (folded) => {
		text += folded;
	});
	return text;
}

/** `foldText` that remembers where everything came from. */
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
 * A letter with its marks, modifiers and selectors; a Korean syllable in parts; half-width kana with their sound mark. Of marks that
 * are piled up no more than 30 at a time, as in Unicode's Stream-Safe Text Format (UAX 15): to order them takes the square of
 * their number.
 */
const cluster =
	/(?:[\u1100-\u115f][\u1160-\u11a7][\u11a8-\u11ff]?|[\uff66-\uff9d][\uff9e\uff9f]|\P{M})(?:\p{M}|\p{Emoji_Modifier}){0,30}|\p{M}{1,30}/suy;

/** Most text is ASCII, which needs no clusters; of the rest every cluster is folded once and remembered. */
const known = new Map<string, { folded: string; length: number }>();
const maxKnown = 20_000;

/** Visits a run of ASCII or one cluster after the other; `length` is in code points of the original. */
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

/** Where a run of ASCII ends; a letter that is followed by what may be its mark is not of it. */
function asciiEnd(text: string, from: number): number {
	let index = from;
	while (text.charCodeAt(index) < 0x80) index++;
	return index > from && text.charCodeAt(index) >= 0x300 ? index - 1 : index;
}

function foldedCluster(original: string) {
	let entry = known.get(original);
	if (!entry) {
		entry = { folded: foldCluster(original), length: [...original].length };
		// Marks can be piled up without end: such are not worth remembering.
		if (original.length <= 8) {
			if (known.size >= maxKnown) known.clear();
			known.set(original, entry);
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
 * Marks that writers leave out or vary: those of Latin, Greek and Cyrillic (й is a letter of its own), Hebrew points, Arabic
 * vowel signs. Vowel signs of Thai or Hindi, and the sound marks of kana, are what the word consists of.
 */
const marks =
	/(?<!и)[\u0300-\u036f]|(?<=и)[\u0300-\u0305\u0307-\u036f]|[\u1ab0-\u1aff\u1dc0-\u1dff]|[\u0591-\u05c7]|[\u0610-\u061a\u064b-\u065f]|\u0670/g;

/** Letters that do not decompose, and signs of which keyboards have a plain one. */
const plain: Record<string, string> = {
	...{ ß: "ss", æ: "ae", œ: "oe", ø: "o", ł: "l", đ: "d", ð: "d", þ: "th", ħ: "h", ı: "i", ς: "σ" },
	...{ "‘": "'", "’": "'", ʼ: "'", "“": '"', "”": '"', "„": '"', "‐": "-", "‑": "-", "–": "-", "—": "-", "−": "-" },
	...{ ی: "ي", ى: "ي", ک: "ك" },
	...digits(0x660),
	...digits(0x6f0),
	...digits(0x966),
};

/** What is in `plain`, and what is invisible: soft hyphens, zero-width characters (not the joiner, which makes emoji), directions, selectors. */
const special = new RegExp(
	`[${Object.keys(plain).join("")}\\u00ad\\u0640\\u180e\\u200b\\u200c\\u200e\\u200f\\u202a-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\ufe00-\\ufe0f\\ufeff]`,
	"g",
);

function digits(zero: number): Record<string, string> {
	return Object.fromEntries(Array.from("0123456789", (digit, i) => [String.fromCharCode(zero + i), digit]));
}
