import type { Folded } from "../../../lib/fold.ts";
import { isInWord, Kind, runEnds } from "./characters.ts";
import { occurrences } from "./occurrences.ts";
import type { Group, Term } from "./query.ts";
import { wordsOf } from "./words.ts";

/** Where a term stands in folded text, in UTF-16 units, and how well: 4 as a whole word, 3 as a form of it, 2 as its beginning, 1 inside one. */
export interface Occurrence {
	start: number;
	end: number;
	quality: 1 | 2 | 3 | 4;
}

/** The terms that a text has by their forms, and those words of the folded text that are forms of them, where they are known. */
export type FoundForms = ReadonlyMap<Term, ReadonlySet<string>>;

const noForms: FoundForms = new Map();

/** How well a text answers: 0 not at all; more for whole words than for parts, and for words that stand together. */
export function scoreOf({ text }: Folded, groups: Group[], forms = noForms): number {
	const searched = new SearchedText(text, forms);
	return Math.max(0, ...groups.map((group) => scoreOfGroup(searched, group)));
}

/** Whether a text has all terms of a group as whole words, and answers to it. */
export function hasWholeWords({ text }: Folded, groups: Group[]): boolean {
	const searched = new SearchedText(text, noForms);
	return groups.some(
		(group) =>
			scoreOfGroup(searched, group) > 0 && group.all.every((term) => find(searched, term).some(({ quality }) => quality === 4)),
	);
}

/** Where the terms that were looked for stand, in no order; they may overlap. */
export function occurrencesOf({ text }: Folded, groups: Group[], forms = noForms): Occurrence[] {
	const searched = new SearchedText(text, forms);
	return groups
		.filter((group) => scoreOfGroup(searched, group) > 0)
		.flatMap(({ all }) => all.flatMap((term) => [...find(searched, term), ...searched.formsOf(term)]));
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
		const formQuality = searched.forms.has(term) ? 3 : 0;
		if (found.length === 0 && formQuality === 0) return 0;
		score += 2 * Math.max(formQuality, ...found.map(({ quality }) => quality));
		if (follows(searched, previous, found)) score += 1;
		previous = found;
	}
	return score;
}

/** Whether one of these comes right after one of those. Both are in order. */
function follows({ text }: SearchedText, those: Occurrence[], these: Occurrence[]): boolean {
	const starts = new Set(these.map(({ start }) => start));
	const gapEnd = runEnds(text, sign);
	return those.some(({ end }) => starts.has(gapEnd(end)));
}

function find(searched: SearchedText, term: Term, limit = maxOccurrences): Occurrence[] {
	const { text } = searched;
	// Quick, and most often the answer.
	if (!term.pieces.every((piece) => text.includes(piece))) return [];
	const found: Occurrence[] = [];
	let free = 0;
	const { starts, ends } = wholes(searched, term.pieces);
	for (const [i, start] of starts.entries()) {
		if (start < free) continue;
		const end = ends[i] as number;
		const startsWord = !isInWord(text, start);
		const endsWord = !isInWord(text, end);
		if ((!startsWord && term.atStart) || (!endsWord && term.atEnd)) continue;
		found.push({ start, end, quality: isWordEdge(text, start) ? (isWordEdge(text, end) ? 4 : 2) : 1 });
		if (found.length === limit) break;
		free = end;
	}
	return found;
}

/** As the index divides words (`wordsOf`): `snake` is a whole word of `snake_case`. */
const isWordEdge = (text: string, index: number) => !isInWord(text, index) || text[index] === "_" || text[index - 1] === "_";

/** Where something begins, from left to right, and where each of it ends. */
interface Stretches {
	starts: number[];
	ends: number[];
}

/**
 * Where all pieces stand one after the other. The last piece is looked for first: whether the rest stands behind a piece is then known
 * for every place in the text, and no place is looked at twice for it.
 */
function wholes(searched: SearchedText, pieces: string[]): Stretches {
	let later: Stretches | undefined;
	for (const piece of pieces.toReversed()) later = followed(searched.text, searched.startsOf(piece), piece.length, later);
	return later ?? { starts: [], ends: [] };
}

/** Those places of a piece after which the later ones stand. */
function followed(text: string, starts: number[], length: number, later: Stretches | undefined): Stretches {
	if (later === undefined) return { starts, ends: starts.map((start) => start + length) };
	const found: Stretches = { starts: [], ends: [] };
	const [gapEnd, spaceEnd] = [runEnds(text, sign), runEnds(text, space)];
	const [endFrom, endFromSign] = [endsByStart(later), endsByStart(later)];
	for (const start of starts) {
		const end = start + length;
		if (isInWord(text, end)) continue;
		// A piece may itself begin with a sign.
		const wholeEnd = endFrom(gapEnd(end)) ?? endFromSign(spaceEnd(end));
		if (wholeEnd === undefined) continue;
		found.starts.push(start);
		found.ends.push(wholeEnd);
	}
	return found;
}

/** Where what begins at a place ends; to be asked from left to right. */
function endsByStart({ starts, ends }: Stretches): (start: number) => number | undefined {
	let i = 0;
	return (start) => {
		while (i < starts.length && (starts[i] as number) < start) i++;
		return starts[i] === start ? ends[i] : undefined;
	};
}

/** A text, with the places of the pieces that were looked for in it. */
class SearchedText {
	readonly text: string;
	readonly forms: FoundForms;
	readonly #starts = new Map<string, number[]>();
	#words: { word: string; start: number }[] | undefined;

	constructor(text: string, forms: FoundForms) {
		this.text = text;
		this.forms = forms;
	}

	/** Where words stand that are forms of the term. */
	formsOf(term: Term): Occurrence[] {
		const forms = this.forms.get(term);
		if (!forms || forms.size === 0) return [];
		this.#words ??= wordsOf(this.text);
		return this.#words
			.filter(({ word }) => forms.has(word))
			.slice(0, maxOccurrences)
			.map(({ word, start }) => ({ start, end: start + word.length, quality: 3 }));
	}

	/** Where a piece stands. A phrase may have the same one many times. */
	startsOf(piece: string): number[] {
		let starts = this.#starts.get(piece);
		if (!starts) {
			starts = occurrences(this.text, piece);
			this.#starts.set(piece, starts);
		}
		return starts;
	}
}

const { space, sign } = Kind;
