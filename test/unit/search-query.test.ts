import fc from "fast-check";
import { ParleyError } from "../../lib/errors.ts";
import { parseQuery } from "../../services/messages/search/query.ts";

const none = { before: null, since: null };

function refusalOf(q: string): unknown {
	try {
		return parseQuery(q);
	} catch (error) {
		return error instanceof ParleyError ? error.data : error;
	}
}

test.each([
	["from:me", { ...none, from: "me" }],
	["FROM:Them", { ...none, from: "them" }],
	["has:image has:link", { ...none, image: true, link: true }],
	["-has:image", { ...none, image: false }],
	["before:2026-11-01", { ...none, before: "2026-11-01T00:00:00.000Z" }],
	["after:2026-11-30", { ...none, since: "2026-12-01T00:00:00.000Z" }],
	["before:2026-11-01T10:00:00+01:00", { ...none, before: "2026-11-01T09:00:00.000Z" }],
	[
		"before:2026-11-01 before:2026-10-01 after:2026-01-01 after:2025-01-01",
		{ before: "2026-10-01T00:00:00.000Z", since: "2026-01-02T00:00:00.000Z" },
	],
])("%s is understood", (q, filters) => {
	expect(parseQuery(q)).toEqual({ filters, groups: [{ all: [], none: [] }] });
});

test.each([
	["from:bob", "from:"],
	["from:", "from:"],
	["from:me from:them", "both sides"],
	["has:video", "has:"],
	["has:", "has:"],
	["has:link -has:link", "opposite"],
	["-from:me", "minus"],
	["before:yesterday", "2026-11-23"],
	["before:2026-02-30", "2026-11-23"],
	["before:0000-01-01", "2026-11-23"],
	["after:0000-12-31T00:00:00Z", "2026-11-23"],
	["after:9999-12-31", "2026-11-23"],
	["before:9999-12-31T23:59:59-01:00", "2026-11-23"],
	["after:2026-13-01", "2026-11-23"],
	["after:2026-1-1", "2026-11-23"],
	["is:unread", "«is:»"],
	["hello to:bob", "«to:»"],
	["on:2026-11-23", "«on:»"],
	['""', "nothing"],
	["\u200b", "nothing"],
	["a ".repeat(33), "32 words"],
	[Array(9).fill("a").join(" or "), "8 alternatives"],
])("%s is refused, and it says why", (q, why) => {
	expect(refusalOf(q)).toEqual([{ path: "q", message: expect.stringContaining(why) }]);
});

test.each([
	"http://a.example",
	"note:",
	"10:30",
	"localhost:3000",
	"mailto:a@b.example",
	"std::vector",
	'"from:me"',
	"Re:Offer",
	":)",
	"или:да",
	"-",
	"--",
	"or",
])("%s is text, not a filter", (q) => {
	const { groups, filters } = parseQuery(q);
	expect(filters).toEqual(none);
	expect(groups[0]?.all).toHaveLength(1);
});

test("words, phrases, minus and or", () => {
	const { groups } = parseQuery(`red "big car" -blue or 'green' -"old one" or`);
	const shape = groups.map(({ all, none }) => [all, none].map((terms) => terms.map(({ pieces }) => pieces.join(" "))));
	expect(shape).toEqual([
		[["red", "big car"], ["blue"]],
		[["green", "or"], ["old one"]],
	]);
});

test("whatever is typed is a query or refused", () => {
	const piece = fc.oneof(
		fc.constantFrom("from:", "has:", "before:", "after:", "-", '"', "“", " or ", "me", "2026-11-01", ":", " ", "\u200b", "("),
		fc.string({ unit: "grapheme" }),
		fc.string({ unit: "binary" }),
	);
	fc.assert(
		fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
			try {
				parseQuery(pieces.join(""));
			} catch (error) {
				expect(error).toMatchObject({ type: "VALIDATION_FAILED", data: [{ path: "q" }] });
			}
		}),
		{ numRuns: 2_000 },
	);
});
