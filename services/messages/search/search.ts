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
import { type Candidate, candidates, Position, positionOf, type Scope } from "./candidates.ts";
import { highlightsOf, snippetOf } from "./highlights.ts";
import { scoreOf, stepsOf } from "./match.ts";
import { parseQuery, type Query } from "./query.ts";
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
 * The caller's messages that match, best or newest first. Signatures in the index give candidates (signature.ts), the newest
 * first; each is then read and compared with what was asked for, so that what is found is exactly what the query says.
 * VALIDATION_FAILED for a query that is not understood.
 */
export function search(
	db: Database,
	toMessages: ToMessages,
	callerId: string,
	{ conversationId, q, sort, limit, cursor }: Params<"messages.search">,
): Promise<Found> {
	const request = { db, toMessages, scope: { callerId, conversationId }, query: parseQuery(q), limit };
	return sort === "recent" ? newestFirst(request, cursor) : bestFirst(request, cursor);
}

interface Request {
	db: Database;
	toMessages: ToMessages;
	scope: Scope;
	query: Query;
	limit: number;
}

/**
 * A page may be short, even empty, and yet not the last: when what was looked at held few matches, or when these are large.
 */
async function newestFirst(request: Request, cursor: string | undefined): Promise<Found> {
	const { limit } = request;
	const hits: Position[] = [];
	let scanned: Position | null = null;
	const after = cursor === undefined ? undefined : decodeCursor(cursor, Position);
	for await (const judged of scan(request, after, limit * 4)) {
		if (judged === null) return page(request, hits, asIs, scanned);
		if (judged.points > 0) {
			if (hits.length === limit) return page(request, hits, asIs, hits.at(-1) ?? null);
			hits.push(judged.position);
		}
		scanned = judged.position;
	}
	return page(request, hits, asIs, null);
}

const asIs = (position: Position) => position;

/** Equally good ones newest first. */
async function bestFirst(request: Request, cursor: string | undefined): Promise<Found> {
	const { limit } = request;
	const ranked: Ranked[] = [];
	for await (const judged of scan(request, undefined, maxRanked * 1.25)) {
		if (judged === null || ranked.length === maxRanked) break;
		if (judged.points > 0) ranked.push([judged.points, judged.position]);
	}
	ranked.sort(compare);
	const last = cursor === undefined ? undefined : decodeCursor(cursor, Ranked);
	const rest = last ? ranked.filter((found) => compare(found, last) > 0) : ranked;
	const hits = rest.slice(0, limit);
	return page(request, hits, ([, position]) => position, rest.length > limit ? (hits.at(-1) ?? null) : null);
}

const Ranked = z.tuple([z.int(), Position]);
type Ranked = z.infer<typeof Ranked>;

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
	after: Position | undefined,
	firstBatch: number,
): AsyncGenerator<Judged | null> {
	let scanned = 0;
	let steps = 0;
	for (let size = firstBatch; ; size *= 4) {
		const wanted = Math.min(size, maxBatch, maxScanned - scanned);
		const batch = await candidates(db, scope, query, after, wanted);
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

/** How well a message answers, and what it took to see that. */
function judge(candidate: Candidate, query: Query, scope: Scope): { points: number; steps: number } {
	if (!passes(candidate, query, scope)) return { points: 0, steps: candidate.content?.length ?? 0 };
	const folded = fold(candidate.content ?? "");
	return { points: scoreOf(folded, query.groups), steps: stepsOf(folded, query.groups) };
}

function passes({ sender_id, type, content }: Candidate, { filters }: Query, { callerId }: Scope): boolean {
	if (content === null && type !== "IMAGE") return false;
	if (filters.from !== undefined && (sender_id === callerId) !== (filters.from === "me")) return false;
	if (filters.image !== undefined && (type === "IMAGE") !== filters.image) return false;
	return filters.link === undefined || hasLink(content ?? "") === filters.link;
}

/**
 * What is shown is what stands in the message now, should it have been erased since it was found. `next` is the place after
 * which the next page begins; if not all hits fit into this one, it begins after the last that was shown.
 */
async function page<Hit>(
	{ db, toMessages, query }: Request,
	hits: Hit[],
	toPosition: (hit: Hit) => Position,
	next: Hit | null,
): Promise<Found> {
	const positions = hits.map(toPosition).map(([, conversationId, seq]) => ({ conversationId, seq }));
	const messages = await toMessages(await pick(db, positions, pageBytes));
	const found = new Map(messages.map((message) => [`${message.conversationId} ${message.seq}`, message]));
	// Messages are never deleted: who is not here was too much.
	const loaded = positions.findIndex(({ conversationId, seq }) => !found.has(`${conversationId} ${seq}`));
	const shown = await mapInTurns(searchingTurns, loaded < 0 ? positions : positions.slice(0, loaded), ({ conversationId, seq }) =>
		show(found.get(`${conversationId} ${seq}`) as Message, query),
	);
	const count = fitting(shown, pageBytes);
	const end = count < hits.length ? (hits[Math.max(count, 1) - 1] ?? next) : next;
	return { items: shown.slice(0, count).flatMap((item) => item ?? []), nextCursor: end === null ? null : encodeCursor(end) };
}

function show(message: Message, query: Query): Found["items"][number] | null {
	if (message.content === null && message.type !== "IMAGE") return null;
	const content = message.content ?? "";
	const highlights = highlightsOf(content, query.groups);
	return { message, highlights, snippet: snippetOf(content, highlights) };
}
