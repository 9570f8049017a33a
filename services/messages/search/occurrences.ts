/**
 * Where `piece` stands in the text, from left to right, also where it overlaps itself. By Knuth, Morris and Pratt: each character
 * of the text is looked at once, whatever the two are. To go on with `indexOf` from the next place would look at a long piece
 * again and again where a text repeats itself.
 */
export function occurrences(text: string, piece: string): number[] {
	const { length } = piece;
	const borders = bordersOf(piece);
	const starts: number[] = [];
	let matched = 0;
	for (let i = 0; i < text.length; i++) {
		const char = text.charCodeAt(i);
		while (matched > 0 && piece.charCodeAt(matched) !== char) matched = borders[matched - 1] as number;
		if (piece.charCodeAt(matched) === char) matched++;
		if (matched === length) {
			starts.push(i + 1 - length);
			matched = borders[matched - 1] as number;
		}
	}
	return starts;
}

/** The pieces of recent queries: a query meets many texts. */
const known = new Map<string, Uint16Array>();
const maxKnown = 256;

/** For each beginning of the piece how much of it also ends it, and is not all of it. */
function bordersOf(piece: string): Uint16Array {
	const remembered = known.get(piece);
	if (remembered) return remembered;
	const borders = new Uint16Array(piece.length);
	let border = 0;
	for (let i = 1; i < piece.length; i++) {
		while (border > 0 && piece.charCodeAt(i) !== piece.charCodeAt(border)) border = borders[border - 1] as number;
		if (piece.charCodeAt(i) === piece.charCodeAt(border)) border++;
		borders[i] = border;
	}
	if (known.size >= maxKnown) known.clear();
	known.set(piece, borders);
	return borders;
}
