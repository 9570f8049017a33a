import fc from "fast-check";
import { fold, foldText } from "../../lib/fold.ts";
import { plainText } from "../../services/messages/plain-text.ts";
import { renderHtml } from "../../services/messages/render-html.ts";
import { snippetOf } from "../../services/messages/search/highlights.ts";
import { hasLink, signatureOf } from "../../services/messages/search/signature.ts";
import { maxCostMs, quickestMs } from "../support/quickest.ts";
import { filled, worstTexts } from "../support/worst-texts.ts";

/** Everything that goes through the whole of a message's text in one go. */
const readers: Record<string, (text: string) => unknown> = {
	plainText,
	renderHtml,
	fold,
	foldText,
	hasLink,
	signatureOf: (content) => signatureOf({ senderId: "ada", type: "TEXT", content }),
	snippetOf: (text) => snippetOf(text, [{ start: 2_500, end: 2_501 }]),
};

/** What takes longer than it may, by reader. */
function slow(text: string): Record<string, number> {
	const times = Object.entries(readers).map(([name, read]) => [name, quickestMs(() => read(text))] as const);
	return Object.fromEntries(times.filter(([, ms]) => ms > maxCostMs));
}

test.each(worstTexts)("a longest message of %s is read in no time by everything that reads it", (_, text) => {
	expect(slow(text)).toEqual({});
});

test("a longest message of any few parts, repeated, is read in no time", () => {
	const parts = [
		"<",
		">",
		"b",
		"/",
		"!--",
		"-->",
		'"',
		"=",
		"&",
		"http://",
		"www.",
		"@",
		".",
		"a",
		"é",
		"\u0301",
		"\u0323",
		"👍",
		"🏽",
		"日",
		" ",
		"\n",
		"1",
		"-",
		"(",
		")",
	];
	const part = fc.array(fc.constantFrom(...parts), { minLength: 1, maxLength: 5 }).map((some) => some.join(""));
	fc.assert(
		fc.property(part, part, (before, repeated) => {
			expect(slow(filled(repeated, before))).toEqual({});
		}),
		{ numRuns: 150 },
	);
});
