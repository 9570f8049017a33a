import { fitting, pageBytes } from "../../../lib/byte-budget.ts";
import { encodeCursor } from "../../../lib/cursor.ts";
import { mapInTurns, searchingTurns } from "../../../lib/turns.ts";
import type { Result } from "../../contracts.ts";
import type { Message } from "../messages.contract.ts";
import { pick } from "../pick.ts";
import type { Position } from "./candidates.ts";
import { foundForms } from "./found-forms.ts";
import { highlightsOf, snippetOf } from "./highlights.ts";
import type { FoundForms } from "./match.ts";
import type { Query } from "./query.ts";
import type { Request } from "./scan.ts";

export type Found = Result<"messages.search">;

/** A match, and the cursor of what comes after it. */
export interface Hit {
	position: Position;
	after: unknown;
}

/**
 * Makes a page of hits. Their texts are read anew, since a message may have been erased after it was found. `next` is the cursor of
 * the next page; if not all hits fit into this one, the next page begins after the last one that was shown.
 */
export async function page({ db, toMessages, query }: Request, hits: Hit[], next: unknown): Promise<Found> {
	const positions = hits.map(({ position: [, conversationId, seq] }) => ({ conversationId, seq }));
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
	const end = count < hits.length ? hits[Math.max(count, 1) - 1]?.after : next;
	return { items: shown.slice(0, count).flatMap((item) => item ?? []), nextCursor: end === null ? null : encodeCursor(end) };
}

function show(message: Message, query: Query, forms: FoundForms | undefined): Found["items"][number] | null {
	if (message.content === null && message.type !== "IMAGE") return null;
	const content = message.content ?? "";
	const highlights = highlightsOf(content, query.groups, forms);
	return { message, highlights, snippet: snippetOf(content, highlights) };
}
