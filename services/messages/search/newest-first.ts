import { z } from "zod";
import { decodeCursor } from "../../../lib/cursor.ts";
import { hasOlder, Position, type Source } from "./candidates.ts";
import { type Found, type Hit, page } from "./page.ts";
import { newBudget, type Request, scan } from "./scan.ts";

/**
 * The matches, newest first. A page may be short, even empty, and yet not be the last one: when there were few matches in what the
 * request could read, or when these are large.
 */
export async function newestFirst(request: Request, cursor: string | undefined): Promise<Found> {
	const { limit } = request;
	const place = cursor === undefined ? null : decodeCursor(cursor, z.union([Older, Position]));
	const [part, after]: [Part, Position | null] = place !== null && "older" in place ? ["older", place.older] : ["newest", place];
	const toCursor = (position: Position) => (part === "older" ? { older: position } : position);
	const hits: Hit[] = [];
	let scanned: Position | null = after;
	for await (const judged of scan(request, sourceOf(request, part), after, limit * 4, newBudget())) {
		if (judged === null) return page(request, hits, scanned && toCursor(scanned));
		const { points, position } = judged;
		if (points > 0) {
			if (hits.length === limit) return page(request, hits, hits.at(-1)?.after);
			hits.push({ position, after: toCursor(position) });
		}
		scanned = position;
	}
	return page(request, hits, part === "newest" ? await olderPart(request) : null);
}

/** Which part of the history is walked. Without the index it is walked at once as a whole. */
type Part = "newest" | "older";

function sourceOf({ query: { forms } }: Request, part: Part): Source {
	if (forms.index === null) return { walk: "all" };
	return { walk: part, index: { query: forms.index.any, use: part === "newest" ? "add" : "skip" } };
}

/** Where the older part goes on; null where it begins. */
const Older = z.object({ older: Position.nullable() });
type Older = z.infer<typeof Older>;

/** The cursor of the older part, null when there is none. */
async function olderPart({ db, scope, query }: Request): Promise<Older | null> {
	return query.forms.index !== null && (await hasOlder(db, scope)) ? { older: null } : null;
}
