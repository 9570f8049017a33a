import { fold } from "../../../lib/fold.ts";
import { type FoundForms, occurrencesOf } from "./match.ts";
import type { Group } from "./query.ts";

/** A range of code points, `end` exclusive. */
export interface Range {
	start: number;
	end: number;
}

/** What was found in a text, from left to right; what overlaps or touches is one range. */
export function highlightsOf(content: string, groups: Group[], forms?: FoundForms): Range[] {
	const folded = fold(content);
	const ranges = occurrencesOf(folded, groups, forms)
		.map(({ start, end }) => folded.sourceOf(start, end))
		.sort((a, b) => a.start - b.start || a.end - b.end);
	const merged: Range[] = [];
	for (const range of ranges) {
		const last = merged.at(-1);
		if (last && range.start <= last.end) last.end = Math.max(last.end, range.end);
		else merged.push({ ...range });
	}
	return merged;
}

/** Code points of context before the first thing found, and of the whole. */
const leadIn = 40;
const snippetLength = 160;
/** How far a cut may move to where a word ends. */
const slack = 15;

/** A line of the text with the first thing found in it; `…` where something was left out. */
export function snippetOf(content: string, highlights: Range[]): string {
	const chars = Array.from(content);
	if (chars.length <= snippetLength) return content.replace(/\s+/g, " ");
	const first = highlights[0]?.start ?? 0;
	const start = first <= leadIn ? 0 : cut(chars, Math.min(first - leadIn, chars.length - snippetLength), 1);
	const end = start + snippetLength >= chars.length ? chars.length : cut(chars, start + snippetLength, -1);
	const text = chars.slice(start, end).join("").replace(/\s+/g, " ").trim();
	return `${start > 0 ? "…" : ""}${text}${end < chars.length ? "…" : ""}`;
}

/** The nearest place at or after (before) `index` where a word ends, or at least no letter is torn from its marks. */
function cut(chars: string[], index: number, step: 1 | -1): number {
	for (let i = index; Math.abs(i - index) <= slack; i += step) {
		if (/\s/.test(chars[i] ?? " ")) return i;
	}
	while (index > 0 && index < chars.length && isJoined(chars[index - 1] ?? "", chars[index] ?? "")) index += step;
	return index;
}

function isJoined(before: string, after: string): boolean {
	return /\p{M}|\u200d|\p{Emoji_Modifier}/u.test(after) || before === "\u200d" || (isFlag(before) && isFlag(after));
}

const isFlag = (char: string) => /\p{Regional_Indicator}/u.test(char);
