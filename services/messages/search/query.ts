import { ParleyError } from "../../../lib/errors.ts";
import { foldText } from "../../../lib/fold.ts";
import { InputTime } from "../../../lib/schemas.ts";
import { Kind, kindAt, kindBefore } from "./characters.ts";
import { isWord, wordsOf } from "./words.ts";

/** What somebody looks for. A message is found when any of the groups matches and every filter holds. */
export interface Query {
	groups: Group[];
	filters: Filters;
}

/** All of these and none of those. */
export interface Group {
	all: Term[];
	none: Term[];
}

/** Something to be found in folded text: its pieces one after the other, with nothing between them but spaces and signs. */
export interface Term {
	pieces: string[];
	/** It begins where a word begins, or ends where one ends. */
	atStart: boolean;
	atEnd: boolean;
	/** What was typed, with its accents, where other forms of this word are found too. Undefined: as it is typed, or not at all. */
	word?: string;
}

/** Undefined, or null for times: not asked for. */
export interface Filters {
	from?: "me" | "them";
	image?: boolean;
	link?: boolean;
	/** Written earlier than this. */
	before: string | null;
	/** Written at this time or later. */
	since: string | null;
}

/** Words, or words and signs in quotes that have spaces between them. */
const maxPieces = 32;
/** Alternatives joined by `or`. */
const maxGroups = 8;

/**
 * Reads a query as a web search engine does: words are all needed, `"a phrase"` stands together, `-word` must not be there, `or`
 * is either what is before it or what is after it. `from:me`, `from:them`, `has:image`, `has:link`, `before:` and `after:` a day
 * (UTC) or a time hold for the whole query; `-has:…` turns it round. Something that looks like a filter and is none is refused
 * instead of finding nothing; in quotes it is text.
 * @throws VALIDATION_FAILED
 */
export function parseQuery(q: string): Query {
	const filters: Filters = { before: null, since: null };
	const groups: Group[] = [{ all: [], none: [] }];
	const tokens = q.match(token) ?? [];
	for (const [i, typed] of tokens.entries()) {
		const isLast = i === tokens.length - 1;
		const negated = /^-[^-]/.test(typed);
		const text = negated ? typed.slice(1) : typed;
		const filter = filterLike.exec(text)?.groups;
		if (filter && isFilter(filter)) setFilter(filters, filter, negated);
		else if (/^or$/i.test(typed) && i > 0 && !isLast) groups.push({ all: [], none: [] });
		else {
			const term = openingQuote.test(text) ? phraseTerm(text) : wordTerm(text, { whole: negated, partial: isLast });
			const { all, none } = groups.at(-1) as Group;
			if (term) (negated ? none : all).push(term);
		}
	}
	return { groups: checked(groups, filters), filters };
}

/** A quote that is not closed reaches to the end. Phones replace typed quotes by typographic ones. */
const token = /-?["“”„][^"“”„]*(?:["“”„]|$)|[^\s"“”„]+/g;
const openingQuote = /^["“”„]/;
const closingQuote = /.["“”„]$/s;

function checked(groups: Group[], filters: Filters): Group[] {
	const asked = groups.filter(({ all, none }) => all.length + none.length > 0);
	const pieces = asked.flatMap(({ all, none }) => [...all, ...none]).reduce((sum, term) => sum + term.pieces.length, 0);
	if (pieces > maxPieces) throw refusal(`must have at most ${maxPieces} words`);
	if (asked.length > maxGroups) throw refusal(`must have at most ${maxGroups} alternatives`);
	if (pieces > 0) return asked;
	if (Object.values(filters).every((filter) => filter === null)) throw refusal("has nothing to search for");
	return [{ all: [], none: [] }];
}

/** A filter of ours, or what somebody may believe to be one: `is:unread`, `on:2026-11-23`, but not `http://a`, `note:`, `10:30`. */
function isFilter({ name = "", value = "" }: Record<string, string>): boolean {
	return filterNames.has(name.toLowerCase()) || (/^[a-z]{2,}$/.test(name) && /^(?:\p{L}|\d{4}-)[^:@/]*$/u.test(value));
}

const filterLike = /^(?<name>\p{L}+):(?<value>.*)$/su;
const filterNames = new Set(["from", "has", "before", "after"]);

function setFilter(filters: Filters, { name = "", value = "" }: Record<string, string>, negated: boolean): void {
	const filter = `${name.toLowerCase()}:${value.toLowerCase()}`;
	if (negated && !filter.startsWith("has:")) throw refusal(`«-${filter}»: only has: can be turned round by a minus`);
	switch (name.toLowerCase()) {
		case "from":
			if (filter !== "from:me" && filter !== "from:them") throw refusal("from: takes «me» or «them»");
			if (filters.from && filter !== `from:${filters.from}`) throw refusal("asks for messages from both sides at once");
			filters.from = filter === "from:me" ? "me" : "them";
			break;
		case "has": {
			if (filter !== "has:image" && filter !== "has:link") throw refusal("has: takes «image» or «link»");
			const what = filter === "has:image" ? "image" : "link";
			if (filters[what] === negated) throw refusal(`asks for ${filter} and its opposite`);
			filters[what] = !negated;
			break;
		}
		case "before":
			filters.before = earlier(filters.before, timeOf("before", value, 0));
			break;
		case "after":
			filters.since = later(filters.since, timeOf("after", value, 1));
			break;
		default:
			throw refusal(`«${name}:» is no filter; there are from:, has:, before: and after:. In quotes it is searched for as text`);
	}
}

/** A day is meant whole: before it begins, or, `addedDays` on, after it has ended. */
function timeOf(name: string, value: string, addedDays: 0 | 1): string {
	const start = /^\d{4}-\d\d-\d\d$/.test(value) ? dayStart(value, addedDays) : value.toUpperCase();
	const time = InputTime.safeParse(start).data;
	if (time === undefined) throw refusal(`${name}: takes a day such as 2026-11-23, or a time such as 2026-11-23T05:50:00Z`);
	return time;
}

function dayStart(day: string, addedDays: number): string | undefined {
	const date = new Date(`${day}T00:00:00.000Z`);
	// 30 February becomes 2 March, or is invalid.
	if (Number.isNaN(date.getTime()) || !date.toISOString().startsWith(day)) return undefined;
	date.setUTCDate(date.getUTCDate() + addedDays);
	return date.toISOString();
}

const earlier = (a: string | null, b: string) => (a !== null && a < b ? a : b);
const later = (a: string | null, b: string) => (a !== null && a > b ? a : b);

/**
 * A word: anywhere, also inside another, when that is long enough to mean something; one or two letters only where a word
 * begins, and there `partial` says whether more may follow. `whole`: nothing but the whole word. Undefined: nothing visible.
 */
function wordTerm(typed: string, { whole = false, partial = true } = {}): Term | undefined {
	const text = foldText(typed);
	const pieces = split(trimmed(text) || text);
	const [first, last] = [pieces[0], pieces.at(-1)];
	if (first === undefined || last === undefined) return undefined;
	const startsWord = kindAt(first, 0) === Kind.word;
	const endsWord = kindBefore(last, last.length) === Kind.word;
	return {
		pieces,
		atStart: startsWord && (whole || isShort(first)),
		atEnd: endsWord && (whole || (!partial && [...last].length < minPartLength)),
		...(!whole && pieces.length === 1 && isLongWord(first) && formedWord(typed)),
	};
}

const isLongWord = (piece: string) => piece.length >= minPartLength && isWord(piece);

/** The word with its accents and without the signs around it. */
function formedWord(typed: string): Pick<Term, "word"> {
	const [first, ...others] = wordsOf(typed);
	return first && others.length === 0 ? { word: first.word } : {};
}

/** From how many letters on a part of a word is looked for. */
const minPartLength = 3;

function phraseTerm(typed: string): Term | undefined {
	const isClosed = closingQuote.test(typed);
	const pieces = split(foldText(typed.slice(1, isClosed ? -1 : undefined)));
	const [first, last] = [pieces[0], pieces.at(-1)];
	if (first === undefined || last === undefined) return undefined;
	return {
		pieces,
		atStart: kindAt(first, 0) === Kind.word,
		atEnd: isClosed && kindBefore(last, last.length) === Kind.word,
	};
}

function split(text: string): string[] {
	return text.split(/\s+/).filter((piece) => piece !== "");
}

/** Without a sentence's punctuation around it; `C++`, `#1`, `.net` and `50%` keep theirs. Empty when there is nothing else. */
function trimmed(text: string): string {
	let end = text.length;
	while (end > 0 && closing.includes(text.charAt(end - 1))) end--;
	return text.slice(0, end).replace(/^[([{'¿¡«<、。「」]+/, "");
}

const closing = ".,;:!?)]}'»>、。「」";

/** One or two letters, perhaps with signs after them: `c++`. */
function isShort(piece: string): boolean {
	const kinds = Array.from(piece, (char) => kindAt(char, 0));
	const letters = kinds.findIndex((kind) => kind !== Kind.word);
	return (letters < 0 ? kinds.length : letters) < minPartLength && !kinds.includes(Kind.solid);
}

function refusal(message: string): ParleyError {
	return new ParleyError("VALIDATION_FAILED", { details: [{ path: "q", message }] });
}
