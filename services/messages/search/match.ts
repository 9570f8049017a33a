import type { Folded } from "../../../lib/fold.ts";
import { Kind, kindAt, kindBefore, kindsOf } from "./characters.ts";
import { occurrences } from "./occurrences.ts";
import type { Group, Term } from "./query.ts";

/** Where a term stands in folded text, in UTF-16 units, and how well: 3 as a whole word, 2 as its beginning, 1 inside one. */
export interface Occurrence {
	start: number;
	end: number;
	quality: 1 | 2 | 3;
}

/** How well a text answers: 0 not at all; more for whole words than for parts, and for words that stand together. */
export function scoreOf({ text }: Folded, groups: Group[]): number {
	const searched = new SearchedText(text);
	return Math.max(0, ...groups.map((group) => scoreOfGroup(searched, group)));
}

/** Where the terms that were looked for stand, in no order; they may overlap. */
export function occurrencesOf({ text }: Folded, groups: Group[]): Occurrence[] {
	const searched = new SearchedText(text);
	return groups
		.filter((group) => scoreOfGroup(searched, group) > 0)
		.flatMap(({ all }) => all.flatMap((term) => find(searched, term)));
}

/** What it takes to fold a character and to see whether it is of a link, in steps. */
const readingSteps = 8;

/**
 * The most that it takes to read a text and to match it, in characters looked at: the text once for each piece that is looked for.
 * It grows with the length of the text, whatever is in it.
 */
export function stepsOf({ text }: Folded, groups: Group[]): number {
	const pieces = groups.flatMap(({ all, none }) => [...all, ...none]).reduce((sum, term) => sum + term.pieces.length, 0);
	return text.length * (pieces + readingSteps);
}

/** More is neither worth showing nor worth looking for. */
const maxOccurrences = 100;

function scoreOfGroup(searched: SearchedText, { all, none }: Group): number {
	if (none.some((term) => find(searched, term, 1).length > 0)) return 0;
	let score = 1;
	let previous: Occurrence[] = [];
	for (const term of all) {
		const found = find(searched, term);
		if (found.length === 0) return 0;
		score += 2 * Math.max(...found.map(({ quality }) => quality));
		if (follows(searched, previous, found)) score += 1;
		previous = found;
	}
	return score;
}

/** Whether one of these comes right after one of those. */
function follows(searched: SearchedText, those: Occurrence[], these: Occurrence[]): boolean {
	if (those.length === 0) return false;
	const starts = new Set(these.map(({ start }) => start));
	return those.some(({ end }) => starts.has(searched.end(end)));
}

function find(searched: SearchedText, term: Term, limit = maxOccurrences): Occurrence[] {
	const { text } = searched;
	// Quick, and most often the answer.
	if (!term.pieces.every((piece) => text.includes(piece))) return [];
	const found: Occurrence[] = [];
	let free = 0;
	for (const [start, end] of wholes(searched, term.pieces)) {
		if (start < free) continue;
		const startsWord = kindAt(text, start) !== word || kindBefore(text, start) !== word;
		const endsWord = kindBefore(text, end) !== word || kindAt(text, end) !== word;
		if ((!startsWord && term.atStart) || (!endsWord && term.atEnd)) continue;
		found.push({ start, end, quality: startsWord ? (endsWord ? 3 : 2) : 1 });
		if (found.length === limit) break;
		free = end;
	}
	return found;
}

/**
 * Where all pieces stand one after the other, from left to right, with the end. The last piece is looked for first: whether the rest
 * stands behind a piece is then known for every place in the text, and no place is looked at twice for it.
 */
function wholes(searched: SearchedText, [first = "", ...rest]: string[]): [start: number, end: number][] {
	let ends: Int32Array | undefined;
	for (const piece of rest.toReversed()) {
		// Where the pieces from this one on end, by where they begin; 0 is nowhere, since nothing ends there.
		const here = new Int32Array(searched.text.length + 1);
		for (const start of searched.startsOf(piece)) here[start] = endAfter(searched, start + piece.length, ends);
		ends = here;
	}
	return searched.startsOf(first).flatMap((start) => {
		const end = endAfter(searched, start + first.length, ends);
		return end === 0 ? [] : [[start, end]];
	});
}

/** Where the pieces end that follow on one which ends at `end`; 0 when they do not follow. `later`: undefined after the last. */
function endAfter(searched: SearchedText, end: number, later: Int32Array | undefined): number {
	if (later === undefined) return end;
	if (searched.isInWord(end)) return 0;
	// A piece may itself begin with a sign.
	return later[searched.end(end)] || later[searched.spaceEnd(end)] || 0;
}

/** A text, with what was found out about all of its places at once, when somebody asked. */
class SearchedText {
	readonly text: string;
	readonly #starts = new Map<string, number[]>();
	#known: { kinds: Uint8Array; ends: Int32Array; spaceEnds: Int32Array } | undefined;

	constructor(text: string) {
		this.text = text;
	}

	/** Where a piece stands. */
	startsOf(piece: string): number[] {
		let starts = this.#starts.get(piece);
		if (!starts) {
			starts = occurrences(this.text, piece);
			this.#starts.set(piece, starts);
		}
		return starts;
	}

	/** The first place from `index` on that is neither a space nor a sign. */
	end(index: number): number {
		return this.#all().ends[index] ?? index;
	}

	/** The first place from `index` on that is no space. */
	spaceEnd(index: number): number {
		return this.#all().spaceEnds[index] ?? index;
	}

	/** Whether the same word is before and after this place. */
	isInWord(index: number): boolean {
		const { kinds } = this.#all();
		return kinds[index - 1] === word && kinds[index] === word;
	}

	#all() {
		if (this.#known) return this.#known;
		const kinds = kindsOf(this.text);
		this.#known = { kinds, ends: endsOf(kinds, sign), spaceEnds: endsOf(kinds, space) };
		return this.#known;
	}
}

/** For each place in the text the first one from there on whose character is of a kind above `kind`. */
function endsOf(kinds: Uint8Array, kind: Kind): Int32Array {
	const ends = new Int32Array(kinds.length + 1);
	let end = kinds.length;
	for (let index = end; index >= 0; index--) {
		if ((kinds[index] ?? kind) > kind) end = index;
		ends[index] = end;
	}
	return ends;
}

const { space, sign, word } = Kind;
