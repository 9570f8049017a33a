/**
 * What a character of folded text is to search.
 * - `space` separates.
 * - `sign`: punctuation and symbols of ASCII and its neighbours.
 * - `word`: letters and digits of scripts that put spaces between words.
 * - `solid`: found wherever it stands. Scripts without spaces (Chinese, Japanese, Thai …), Korean, whose words come with endings
 *   attached, and emoji.
 */
export const Kind = { space: 0, sign: 1, word: 2, solid: 3 } as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

export function kindOf(codePoint: number): Kind {
	if (codePoint >= tableSize) return solidSpaces.has(codePoint) ? Kind.space : Kind.solid;
	return table[codePoint] as Kind;
}

/** The kind of the character that begins at `index`; of that before `index` with `kindBefore`. Outside of the text is space. */
export function kindAt(text: string, index: number): Kind {
	const codePoint = text.codePointAt(index);
	return codePoint === undefined ? Kind.space : kindOf(codePoint);
}

export function kindBefore(text: string, index: number): Kind {
	if (index <= 0 || index > text.length) return Kind.space;
	const code = text.charCodeAt(index - 1);
	// Nothing beyond the basic plane is a space, a sign or a word.
	return code >= 0xd800 && code <= 0xdfff ? Kind.solid : kindOf(code);
}

/** Whether the same word is before and after this place. */
export function isInWord(text: string, index: number): boolean {
	return kindBefore(text, index) === Kind.word && kindAt(text, index) === Kind.word;
}

/**
 * The first place from an index on whose character is of a kind above `kind`; to be asked from left to right, so that no
 * character is looked at twice.
 */
export function runEnds(text: string, kind: Kind): (index: number) => number {
	let from = 0;
	let end = -1;
	return (index) => {
		if (index < from || index > end) {
			from = end = index;
			while (end < text.length && kindAt(text, end) <= kind) end++;
		}
		return end;
	};
}

/** From here on everything but spaces is solid: what few spaced scripts there are get more matches by it, never fewer. */
const tableSize = 0x2000;
const solidSpaces = new Set([0x2028, 0x2029, 0x202f, 0x205f, 0x3000, ...Array.from({ length: 11 }, (_, i) => 0x2000 + i)]);
const table = Uint8Array.from({ length: tableSize }, (_, codePoint) => {
	const char = String.fromCodePoint(codePoint);
	if (/\s/.test(char)) return Kind.space;
	if (/[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff]/.test(char)) return Kind.solid;
	return /[\p{L}\p{N}\p{M}_]/u.test(char) ? Kind.word : Kind.sign;
});
