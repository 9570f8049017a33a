import fc from "fast-check";
import { fold } from "../../lib/fold.ts";
import { Kind, kindAt, kindBefore } from "../../services/messages/search/characters.ts";
import { occurrencesOf } from "../../services/messages/search/match.ts";
import { occurrences } from "../../services/messages/search/occurrences.ts";
import { parseQuery, type Term } from "../../services/messages/search/query.ts";

test("a piece is found wherever it stands, also where it overlaps itself", () => {
	const some = fc.string({ unit: fc.constantFrom("a", "b", "日"), minLength: 1, maxLength: 6 });
	fc.assert(
		fc.property(
			fc.array(some).map((parts) => parts.join("")),
			some,
			(text, piece) => {
				const starts = Array.from(text, (_, i) => i).filter((i) => text.startsWith(piece, i));
				expect(occurrences(text, piece)).toEqual(starts);
			},
		),
		{ numRuns: 1_000 },
	);
});

test("a term is found where trying every way to read it finds it", () => {
	const text = fc.string({ unit: fc.constantFrom("a", "b", "!", " ", "日", "+"), maxLength: 30 });
	const typed = fc.string({ unit: fc.constantFrom("a", "b", "!", " ", "日", "+"), minLength: 1, maxLength: 8 });
	fc.assert(
		fc.property(text, typed, fc.boolean(), (content, searched, isQuoted) => {
			let groups: ReturnType<typeof parseQuery>["groups"];
			try {
				groups = parseQuery(isQuoted ? `"${searched}"` : searched).groups;
			} catch {
				return;
			}
			const terms = groups.flatMap(({ all }) => all);
			const folded = fold(content);
			const expected = terms.every((term) => isIn(folded.text, term));
			fc.pre(groups.every(({ none }) => none.length === 0));
			expect(occurrencesOf(folded, groups).length > 0).toBe(expected);
		}),
		{ numRuns: 3_000 },
	);
});

/** The rules of a term, without a thought of what it costs. */
function isIn(text: string, { pieces, atStart, atEnd }: Term): boolean {
	const [first = "", ...rest] = pieces;
	return Array.from(text, (_, i) => i).some(
		(start) =>
			text.startsWith(first, start) &&
			(!atStart || !isInWord(text, start)) &&
			endsFrom(text, start + first.length, rest).some((end) => !atEnd || !isInWord(text, end)),
	);
}

function endsFrom(text: string, end: number, [piece, ...rest]: string[]): number[] {
	if (piece === undefined) return [end];
	if (isInWord(text, end)) return [];
	const places = new Set([skip(text, end, Kind.sign), skip(text, end, Kind.space)]);
	return [...places].filter((at) => text.startsWith(piece, at)).flatMap((at) => endsFrom(text, at + piece.length, rest));
}

function skip(text: string, index: number, kind: Kind): number {
	while (index < text.length && kindAt(text, index) <= kind) index++;
	return index;
}

const isInWord = (text: string, index: number) => kindBefore(text, index) === Kind.word && kindAt(text, index) === Kind.word;
