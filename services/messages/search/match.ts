import type { Folded } from "../../../lib/fold.ts";
import { Kind, kindAt, kindBefore } from "./characters.ts";
import type { Group, Term } from "./query.ts";

/** Where a term stands in folded text, in UTF-16 units, and how well: 3 as a whole word, 2 as its beginning, 1 inside one. */
export interface Occurrence {
	start: number;
	end: number;
	quality: 1 | 2 | 3;
}

/** How well a text answers: 0 not at all; more for whole words than for parts, and for words that stand together. */
export function scoreOf({ text }: Folded, groups: Group[]): number {
	return Math.max(0, ...groups.map((group) => scoreOfGroup(text, group)));
}

/** Where the terms that were looked for stand, in no order; they may overlap. */
export function occurrencesOf({ text }: Folded, groups: Group[]): Occurrence[] {
	return groups.filter((group) => scoreOfGroup(text, group) > 0).flatMap(({ all }) => all.flatMap((term) => find(text, term)));
}

/** More is neither worth showing nor worth looking for. */
const maxOccurrences = 100;

function scoreOfGroup(text: string, { all, none }: Group): number {
	if (none.some((term) => find(text, term, 1).length > 0)) return 0;
	let score = 1;
	let previous: Occurrence[] = [];
	for (const term of all) {
		const found = find(text, term);
		if (found.length === 0) return 0;
		score += 2 * Math.max(...found.map(({ quality }) => quality));
		if (follows(text, previous, found)) score += 1;
		previous = found;
	}
	return score;
}

/** Whether one of these comes right after one of those. */
function follows(text: string, those: Occurrence[], these: Occurrence[]): boolean {
	const starts = new Set(these.map(({ start }) => start));
	return those.some(({ end }) => starts.has(skipGap(text, end)));
}

function find(text: string, term: Term, limit = maxOccurrences): Occurrence[] {
	const found: Occurrence[] = [];
	const [first = ""] = term.pieces;
	let start = text.indexOf(first);
	while (start >= 0 && found.length < limit) {
		const end = endOf(text, start, term.pieces);
		const startsWord = kindAt(text, start) !== Kind.word || kindBefore(text, start) !== Kind.word;
		const endsWord = end !== undefined && (kindBefore(text, end) !== Kind.word || kindAt(text, end) !== Kind.word);
		const fits = end !== undefined && (startsWord || !term.atStart) && (endsWord || !term.atEnd);
		if (fits) found.push({ start, end, quality: startsWord ? (endsWord ? 3 : 2) : 1 });
		start = text.indexOf(first, fits ? end : start + 1);
	}
	return found;
}

/** Where the pieces end that begin at `start`, if they do stand there one after the other. */
function endOf(text: string, start: number, pieces: string[]): number | undefined {
	let end = start;
	for (const [i, piece] of pieces.entries()) {
		if (i > 0) {
			const next = skipGap(text, end);
			const isApart = next > end || kindBefore(text, end) !== Kind.word || kindAt(text, end) !== Kind.word;
			if (!isApart) return undefined;
			// A piece may itself begin with a sign.
			end = text.startsWith(piece, next) ? next : skipSpace(text, end);
			if (!text.startsWith(piece, end)) return undefined;
		}
		end += piece.length;
	}
	return end;
}

function skipGap(text: string, index: number): number {
	while (index < text.length && kindAt(text, index) <= Kind.sign) index++;
	return index;
}

function skipSpace(text: string, index: number): number {
	while (index < text.length && kindAt(text, index) === Kind.space) index++;
	return index;
}
