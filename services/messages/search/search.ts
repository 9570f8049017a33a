import { z } from "zod";
import { fitting, pageBytes } from "../../../lib/byte-budget.ts";
import { decodeCursor, encodeCursor } from "../../../lib/cursor.ts";
import { fold } from "../../../lib/fold.ts";
import { mapInTurns, searchingTurns } from "../../../lib/turns.ts";
import type { Database } from "../../../mixins/database.ts";
import type { Params, Result } from "../../contracts.ts";
import type { ToMessages } from "../message-row.ts";
import type { Message } from "../messages.contract.ts";
import { pick } from "../pick.ts";
import { type Candidate, candidates, hasOlder, Position, positionOf, type Scope, type Source } from "./candidates.ts";
import { formsOf, type QueryForms } from "./forms.ts";
import { foundForms } from "./found-forms.ts";
import { highlightsOf, snippetOf } from "./highlights.ts";
import { type FoundForms, scoreOf, stepsOf } from "./match.ts";
import { parseQuery, type Query, type Term } from "./query.ts";
import { hasLink } from "./signature.ts";

type Found = Result<"messages.search">;

/** How many candidates one request looks at, so that none costs more; the rest is on the pages after it. */
const maxScanned = 4_000;

/** What one request spends on reading their texts (`stepsOf`): 4,000 of ordinary length, or some 200 of the longest. */
const maxSteps = 10_000_000;

/** Rows that are in memory at once. */
const maxBatch = 1_000;

/** How many of the newest matches are ranked by `relevance`. What takes the time is to fetch them from all over the table. */
const maxRanked = 400;

/**
 * The caller's messages that match, best or newest first. Signatures in the primary key (signature.ts) and the full-text index
 * (forms.ts) give candidates. Each is then read and compared with the query, so that only what really matches is found.
 *
 * Where the index has all words of a query, it finds whole words and their forms in the whole history. Then signatures, which find
 * parts of words, are compared in the newest messages of each conversation first; the last pages have the matches in older ones.
 * @throws VALIDATION_FAILED for a query that is not understood
 */
export async function search(
	db: Database,
	toMessages: ToMessages,
	callerId: string,
	{ conversationId, q, sort, limit, cursor }: Params<"messages.search">,
): Promise<Found> {
	const query = parseQuery(q);
	const request = {
		...{ db, toMessages, limit },
		scope: { callerId, conversationId },
		query: { ...query, forms: await formsOf(db, query) },
	};
	if (sort === "recent") {
		const place = cursor === undefined ? undefined : decodeCursor(cursor, z.union([Older, Position]));
		return isOlder(place) ? newestFirst(request, "older", place.older) : newestFirst(request, "newest", place ?? null);
	}
	const place = cursor === undefined ? undefined : decodeCursor(cursor, z.union([Older, Ranked]));
	return isOlder(place) ? newestFirst(request, "older", place.older) : bestFirst(request, place);
}

interface Request {
	db: Database;
	toMessages: ToMessages;
	scope: Scope;
	query: Query & { forms: QueryForms };
	limit: number;
}

/** Which part of the history is walked. Without the index it is walked at once as a whole. */
type Part = "newest" | "older";

/**
 * A page may be short, even empty, and yet not the last: when what was looked at held few matches, or when these are large.
 */
async function newestFirst(request: Request, part: Part, after: Position | null): Promise<Found> {
	const { limit } = request;
	const hits: Position[] = [];
	let scanned: Position | null = null;
	const toCursor = (position: Position) => (part === "older" ? { older: position } : position);
	for await (const judged of scan(request, sourceOf(request, part), after ?? undefined, limit * 4)) {
		if (judged === null) return page(request, hits, toCursor, scanned && toCursor(scanned));
		if (judged.points > 0) {
			if (hits.length === limit) return page(request, hits, toCursor, toCursor(hits.at(-1) as Position));
			hits.push(judged.position);
		}
		scanned = judged.position;
	}
	return page(request, hits, toCursor, part === "newest" ? await olderPart(request) : null);
}

function sourceOf({ query: { forms } }: Request, part: Part): Source {
	if (forms.index === null) return { walk: "all" };
	return { walk: part, index: { query: forms.index.any, use: part === "newest" ? "add" : "skip" } };
}

/** The cursor of the older part, null when there is none. */
async function olderPart({ db, scope, query }: Request): Promise<Older | null> {
	return query.forms.index !== null && (await hasOlder(db, scope)) ? { older: null } : null;
}

/** Whole words, then forms, then parts of words, until there are enough to rank. Equally good ones newest first. */
async function bestFirst(request: Request, last: Ranked | undefined): Promise<Found> {
	const { limit } = request;
	const ranked = new Map<string, Ranked>();
	const isEnough = await collect(request, ranked);
	const sorted = [...ranked.values()].sort(compare);
	const rest = last ? sorted.filter((found) => compare(found, last) > 0) : sorted;
	const hits = rest.slice(0, limit);
	const next = rest.length > limit ? (hits.at(-1) ?? null) : isEnough ? null : await olderPart(request);
	const points = new Map(hits.map(([score, position]) => [position, score]));
	return page(
		request,
		hits.map(([, position]) => position),
		(position) => [points.get(position), position],
		next,
	);
}

/** Collects matches; true when it ended before the last of them. */
async function collect(request: Request, ranked: Map<string, Ranked>): Promise<boolean> {
	const { index } = request.query.forms;
	const sources: Source[] = index
		? [
				{ walk: "none", index: { query: index.exact, use: "add" } },
				{ walk: "none", index: { query: index.any, use: "add" } },
				{ walk: "newest" },
			]
		: [{ walk: "all" }];
	for (const source of sources) {
		for await (const judged of scan(request, source, undefined, maxRanked * 1.25)) {
			if (judged === null || ranked.size === maxRanked) return true;
			const { points, position } = judged;
			if (points > 0) ranked.set(`${position[1]} ${position[2]}`, [points, position]);
		}
	}
	return false;
}

const Ranked = z.tuple([z.int(), Position]);
type Ranked = z.infer<typeof Ranked>;

/** Where the older part goes on; null where it begins. */
const Older = z.object({ older: Position.nullable() });
type Older = z.infer<typeof Older>;

const isOlder = (place: Position | Ranked | Older | undefined): place is Older => place !== undefined && "older" in place;

function compare([score, a]: Ranked, [otherScore, b]: Ranked): number {
	return otherScore - score || order(b[0], a[0]) || order(b[1], a[1]) || b[2] - a[2];
}

const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** A candidate whose text was compared with the query. */
interface Judged {
	position: Position;
	/** 0: it does not match. */
	points: number;
}

/**
 * Candidates newest first, in batches that grow; then null, when there are more of them than one request looks at. Between two of
 * them others get their turn of the event loop.
 */
async function* scan(
	{ db, scope, query }: Request,
	source: Source,
	after: Position | undefined,
	firstBatch: number,
): AsyncGenerator<Judged | null> {
	let scanned = 0;
	let steps = 0;
	for (let size = firstBatch; ; size *= 4) {
		const wanted = Math.min(size, maxBatch, maxScanned - scanned);
		const batch = await candidates(db, scope, query, source, after, wanted);
		for (const candidate of batch) {
			if (steps >= maxSteps) return yield null;
			const turn = searchingTurns.next();
			if (turn) await turn;
			const judged = judge(candidate, query, scope);
			steps += judged.steps;
			yield { position: positionOf(candidate), points: judged.points };
		}
		if (batch.length < wanted) return;
		scanned += batch.length;
		if (scanned >= maxScanned) yield null;
		after = positionOf(batch.at(-1) as Candidate);
	}
}

const unknownWords: ReadonlySet<string> = new Set();

/** How well a message answers, and what it took to see that. */
function judge(candidate: Candidate, query: Request["query"], scope: Scope): { points: number; steps: number } {
	if (!passes(candidate, query, scope)) return { points: 0, steps: candidate.content?.length ?? 0 };
	const folded = fold(candidate.content ?? "");
	const forms = new Map(candidate.forms?.map((term) => [query.forms.terms[term] as Term, unknownWords]));
	return { points: scoreOf(folded, query.groups, forms), steps: stepsOf(folded, query.groups) };
}

function passes({ sender_id, type, content }: Candidate, { filters }: Query, { callerId }: Scope): boolean {
	if (content === null && type !== "IMAGE") return false;
	if (filters.from !== undefined && (sender_id === callerId) !== (filters.from === "me")) return false;
	if (filters.image !== undefined && (type === "IMAGE") !== filters.image) return false;
	return filters.link === undefined || hasLink(content ?? "") === filters.link;
}

/**
 * What is shown is what stands in the message now, should it have been erased since it was found. `next` is the cursor of the
 * next page; if not all hits fit into this one, it begins after the last that was shown.
 */
async function page(
	{ db, toMessages, query }: Request,
	hits: Position[],
	toCursor: (position: Position) => unknown,
	next: unknown,
): Promise<Found> {
	const positions = hits.map(([, conversationId, seq]) => ({ conversationId, seq }));
	const messages = await toMessages(await pick(db, positions, pageBytes));
	const found = new Map(messages.map((message) => [`${message.conversationId} ${message.seq}`, message]));
	// Messages are never deleted: one that is not here was too much.
	const loaded = positions.findIndex(({ conversationId, seq }) => !found.has(`${conversationId} ${seq}`));
	const chosen = (loaded < 0 ? positions : positions.slice(0, loaded)).map(
		({ conversationId, seq }) => found.get(`${conversationId} ${seq}`) as Message,
	);
	const forms = await foundForms(db, query.forms, chosen);
	const shown = await mapInTurns(searchingTurns, chosen, (message) => show(message, query, forms.get(message)));
	const count = fitting(shown, pageBytes);
	const end = count < hits.length ? toCursor(hits[Math.max(count, 1) - 1] as Position) : next;
	return { items: shown.slice(0, count).flatMap((item) => item ?? []), nextCursor: end === null ? null : encodeCursor(end) };
}

function show(message: Message, query: Query, forms: FoundForms | undefined): Found["items"][number] | null {
	if (message.content === null && message.type !== "IMAGE") return null;
	const content = message.content ?? "";
	const highlights = highlightsOf(content, query.groups, forms);
	return { message, highlights, snippet: snippetOf(content, highlights) };
}
