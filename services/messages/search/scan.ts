import { fold } from "../../../lib/fold.ts";
import { searchingTurns } from "../../../lib/turns.ts";
import type { Database } from "../../../mixins/database.ts";
import type { ToMessages } from "../message-row.ts";
import { type Candidate, candidates, type Position, positionOf, type Scope, type Source } from "./candidates.ts";
import type { QueryForms } from "./forms.ts";
import { hasWholeWords, scoreOf, stepsOf } from "./match.ts";
import type { Query, Term } from "./query.ts";
import { hasLink } from "./signature.ts";

/** A search that is being answered. */
export interface Request {
	db: Database;
	toMessages: ToMessages;
	scope: Scope;
	query: Query & { forms: QueryForms };
	limit: number;
}

/** What one request may still look at, so that none costs more; the rest is on the pages after it. */
export interface Budget {
	candidates: number;
	/** What it takes to read their texts (`stepsOf`). */
	steps: number;
}

/** The steps are enough for 4,000 candidates of ordinary length, or for some 200 of the longest. */
export const newBudget = (): Budget => ({ candidates: 4_000, steps: 10_000_000 });

/** Rows that are in memory at once. */
const maxBatch = 1_000;

/** A candidate whose text was compared with the query. */
export interface Judged {
	position: Position;
	/** 0: it does not match. */
	points: number;
}

/**
 * Candidates newest first, in batches that grow; then null, if there may be more of them than the budget allows. Between two of them
 * others get their turn of the event loop.
 */
export async function* scan(
	{ db, scope, query }: Request,
	source: Source,
	after: Position | null,
	firstBatch: number,
	budget: Budget,
): AsyncGenerator<Judged | null> {
	for (let size = firstBatch; ; size *= 4) {
		if (budget.candidates <= 0) return yield null;
		const wanted = Math.min(size, maxBatch, budget.candidates);
		const batch = await candidates(db, scope, query, source, after, wanted);
		budget.candidates -= batch.length;
		for (const candidate of batch) {
			if (budget.steps <= 0) return yield null;
			const turn = searchingTurns.next();
			if (turn) await turn;
			const { points, steps } = judge(candidate, query, scope, source);
			budget.steps -= steps;
			yield { position: positionOf(candidate), points };
		}
		if (batch.length < wanted) return;
		after = positionOf(batch.at(-1) as Candidate);
	}
}

const unknownWords: ReadonlySet<string> = new Set();

/** How well a message answers, and what it took to see that. */
function judge(candidate: Candidate, query: Request["query"], scope: Scope, source: Source): { points: number; steps: number } {
	if (!passes(candidate, query, scope)) return { points: 0, steps: candidate.content?.length ?? 0 };
	const folded = fold(candidate.content ?? "");
	const steps = stepsOf(folded, query.groups);
	// What the index does not have yet is found among whole words if it has them, and else among parts of words.
	if (candidate.is_fresh && hasWholeWords(folded, query.groups) !== (source.walk === "fresh")) return { points: 0, steps };
	const forms = new Map(candidate.forms?.map((term) => [query.forms.terms[term] as Term, unknownWords]));
	return { points: scoreOf(folded, query.groups, forms), steps };
}

function passes({ sender_id, type, content }: Candidate, { filters }: Query, { callerId }: Scope): boolean {
	if (content === null && type !== "IMAGE") return false;
	if (filters.from !== undefined && (sender_id === callerId) !== (filters.from === "me")) return false;
	if (filters.image !== undefined && (type === "IMAGE") !== filters.image) return false;
	return filters.link === undefined || hasLink(content ?? "") === filters.link;
}
