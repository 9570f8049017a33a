import { z } from "zod";
import { decodeCursor } from "../../../lib/cursor.ts";
import { hasOlder, Position, type Source } from "./candidates.ts";
import { type Found, type Hit, page } from "./page.ts";
import { type Budget, newBudget, type Request, scan } from "./scan.ts";

/**
 * The matches are walked tier after tier, so that no match of the whole history is ranked before a better one, and a page reads little
 * more than it shows:
 *
 * 1. With the full-text index, its tiers (tiers.ts): whole words, then one form, and so on; then what only signatures find, in the newest
 *    messages of each conversation; then that in the older ones. The first tier also has whole words that are not indexed yet.
 * 2. Without it, all is one tier.
 *
 * A tier is newest first. Where its matches are not all equally good, they are read in blocks, and each block is ranked by its texts.
 */
export async function bestFirst(request: Request, cursor: string | undefined): Promise<Found> {
	const { limit } = request;
	const tiers = tiersOf(request);
	const start = cursor === undefined ? startOf(0) : decodeCursor(cursor, placeIn(tiers));
	const budget = newBudget();
	const hits: Hit[] = [];
	let place: Place | null = start;
	while (place !== null && hits.length <= limit) {
		const tier = tiers[place.tier] as Tier;
		if (tier.source.walk === "older" && place.tier !== start.tier) {
			if (!(await hasOlder(request.db, request.scope))) place = null;
			break;
		}
		const isUniform = tier.blockSize === undefined;
		const block = await readBlock(request, tier, place, tier.blockSize ?? limit + 1 - hits.length, budget);
		const ranked = isUniform ? block.found : block.found.sort(compare);
		const { last } = place;
		for (const match of last ? ranked.filter((match) => compare(match, last) > 0) : ranked) {
			const after: Place = isUniform
				? { ...startOf(place.tier), from: match[1] }
				: { tier: place.tier, from: block.from, to: block.to, last: match };
			hits.push({ position: match[1], after });
		}
		if (block.end !== "tier") place = { ...startOf(place.tier), from: block.to };
		else place = place.tier + 1 < tiers.length ? startOf(place.tier + 1) : null;
		if (block.end === "budget") break;
	}
	return page(request, hits.slice(0, limit), hits.length > limit ? hits[limit - 1]?.after : place);
}

/** Matches none of which is ranked before one of a tier before. */
interface Tier {
	source: Source;
	/**
	 * So many matches are ranked by their texts, the newest first, then the next ones. What takes the time is to fetch them from all over
	 * the table. Undefined: all are equally good.
	 */
	blockSize: number | undefined;
}

/** Where the index says nothing about the matches of a tier, it takes more of them for a good order. */
const blockSizes = { index: 100, signatures: 400 };

function tiersOf({ query: { forms } }: Request): Tier[] {
	if (forms.index === null) return [{ source: { walk: "all" }, blockSize: blockSizes.signatures }];
	const { any, tiers, areUniform } = forms.index;
	return [
		...tiers.map((query, i): Tier => {
			const source: Source = { walk: i === 0 ? "fresh" : "none", index: { query, use: "add" } };
			return { source, blockSize: areUniform ? undefined : blockSizes.index };
		}),
		...(["newest", "older"] as const).map((walk): Tier => {
			return { source: { walk, index: { query: any, use: "skip" } }, blockSize: blockSizes.signatures };
		}),
	];
}

/** A match with its score. */
const Ranked = z.tuple([z.int(), Position]);
type Ranked = z.infer<typeof Ranked>;

/** Where a page begins. */
interface Place {
	tier: number;
	/** The block has what is older than this. Null: it begins with the newest. */
	from: Position | null;
	/** The block ends with this. Null: it was not read yet. */
	to: Position | null;
	/** What was shown last of the block. */
	last: Ranked | null;
}

const startOf = (tier: number): Place => ({ tier, from: null, to: null, last: null });

const placeIn = ({ length }: Tier[]): z.ZodType<Place> =>
	z.object({
		tier: z.int().gte(0).lt(length),
		from: Position.nullable(),
		to: Position.nullable(),
		last: Ranked.nullable(),
	});

interface Block {
	found: Ranked[];
	from: Position | null;
	to: Position | null;
	/** What ended it: no more candidates, enough of them, or that the request may read no more. */
	end: "tier" | "block" | "budget";
}

/**
 * Reads a block: the next `size` matches of a tier, newest first. A block that an earlier page has read (`to` is set) is read again
 * between the same two borders. So messages that are sent meanwhile do not move its matches to another page.
 */
async function readBlock(request: Request, { source }: Tier, { from, to }: Place, size: number, budget: Budget): Promise<Block> {
	const block: Block = { found: [], from, to: from, end: "tier" };
	for await (const judged of scan(request, source, from, Math.max(size, request.limit + 1), budget)) {
		if (judged === null) return { ...block, end: "budget" };
		const { points, position } = judged;
		if (to !== null && order(position, to) > 0) return { ...block, to, end: "block" };
		block.from ??= justBefore(position);
		block.to = position;
		if (points > 0) block.found.push([points, position]);
		if (to === null && block.found.length === size) return { ...block, end: "block" };
	}
	return block;
}

/** The place before this one, from which it is the next. */
const justBefore = ([createdAt, conversationId, seq]: Position): Position => [createdAt, conversationId, seq + 1];

const compare = ([score, a]: Ranked, [otherScore, b]: Ranked) => otherScore - score || order(a, b);

/** Negative if `a` is newer. */
function order(a: Position, b: Position): number {
	return orderTexts(b[0], a[0]) || orderTexts(b[1], a[1]) || b[2] - a[2];
}

const orderTexts = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
