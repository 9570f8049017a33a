/** Unicode code points in a text, counted as PostgreSQL's `char_length` does. */
export function codePoints(text: string): number {
	let count = text.length;
	for (let index = 1; index < text.length; index++) {
		if (isSurrogate(text, index, 0xdc00) && isSurrogate(text, index - 1, 0xd800)) count--;
	}
	return count;
}

function isSurrogate(text: string, index: number, half: 0xd800 | 0xdc00): boolean {
	return (text.charCodeAt(index) & 0xfc00) === half;
}

/** Whether a text has at most `maxBytes` bytes as UTF-8. A UTF-16 unit becomes three bytes at the most, so short texts are not encoded. */
export function fitsUtf8(text: string, maxBytes: number): boolean {
	return text.length * 3 <= maxBytes || (text.length <= maxBytes && new TextEncoder().encode(text).length <= maxBytes);
}
